import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a run took place. */
export interface Traced {
  readonly folder: string;
  readonly servers: Readonly<Record<'blue' | 'green', { readonly logFile: string }>>;
}

/** Keeps what tells why a run went wrong: histories, logs and journal of Teal, logs of the servers, and what happened. Spools are left out: they may be large. */
export async function keepTraces(place: Traced, told: readonly string[], to: string | undefined): Promise<void> {
  if (to === undefined) return;
  await mkdir(to, { recursive: true });
  await writeFile(join(to, 'told.txt'), `${told.join('\n')}\n`);
  // Sockets cannot be copied.
  const isWanted = (source: string): boolean => !/(socket|\.sock|\/spool)$/.test(source);
  await cp(place.folder, join(to, 'folder'), { recursive: true, force: true, filter: isWanted });
  for (const side of ['blue', 'green'] as const) await copyFile(place.servers[side].logFile, join(to, `${side}.log`));
}
