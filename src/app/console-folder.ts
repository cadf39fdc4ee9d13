import { fileURLToPath } from 'node:url';
import { readConsole, type ConsoleFiles } from '../server/console.ts';

/** Where `make console` writes it in a checkout, and where it stands in what is published. */
const places = ['../../console/dist/', '../console/'];

/** The web console that came with this program; undefined in a checkout where it was not built. */
export function builtConsole(): ConsoleFiles | undefined {
  for (const place of places) {
    const found = readConsole(fileURLToPath(new URL(place, import.meta.url)));
    if (found !== undefined) return found;
  }
  return undefined;
}
