import { asBytes, asText, readRouterFile, rewriteRouterFile } from '../router-file.ts';
import { placeIn, withPlace, type Place } from './entry.ts';

/** The configuration file with the line of one database. Errors of both functions: TEAL-TRAFFIC-016. */
export async function readPlace(path: string, database: string): Promise<Place> {
  const place = placeIn(await readRouterFile(path), asBytes(database));
  return { ...place, host: place.host && asText(place.host), database: asText(place.database) };
}

/** Has the line of a database lead elsewhere (see `rewriteRouterFile`). */
export async function writePlace(path: string, database: string, place: Place): Promise<void> {
  const { host } = place;
  const written = { ...place, host: host && asBytes(host), database: asBytes(place.database) };
  await rewriteRouterFile(path, (text) => withPlace(text, asBytes(database), written));
}
