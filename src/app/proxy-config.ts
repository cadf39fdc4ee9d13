import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTealError } from '../kernel/errors.ts';
import { openJournalReader } from '../journal/journal.ts';
import type { JournalPlace } from '../journal/place.ts';
import type { EnsureProxy } from '../traffic/proxy/client.ts';
import type { ProxyConfigInput } from '../traffic/proxy/config.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';
import { programUrl } from './program.ts';

/** The proxy of a migration file: the same for whoever starts it, so that each finds the other's. Files are taken from the migration file's own folder. */
export function proxyOf(loaded: LoadedSpec): EnsureProxy {
  const { spec, stateDir } = loaded;
  return {
    entry: fileURLToPath(programUrl('proxy-main')),
    stateDir,
    blueUrl: spec.blue.url,
    greenUrl: spec.green.url,
    config: proxyConfigOf(loaded),
  };
}

function proxyConfigOf({ spec, file, stateDir, journal }: LoadedSpec): ProxyConfigInput {
  const { tls, authFile, ...traffic } = spec.traffic;
  const folder = dirname(resolve(file));
  const known = knownOwner(journal);
  return {
    migration: spec.name,
    listen: { host: traffic.listenHost, port: traffic.listenPort },
    ...(tls === undefined
      ? {}
      : { tls: { certificateFile: resolve(folder, tls.cert), keyFile: resolve(folder, tls.key) } }),
    clientAuth: traffic.clientAuth === 'trust' ? 'trust' : 'verifier',
    ...(authFile === undefined ? {} : { authFile: resolve(folder, authFile) }),
    pinned: traffic.pinned,
    maxClients: traffic.maxClients,
    ...(traffic.processes === 1 ? {} : { processes: traffic.processes }),
    controlPath: controlPath(stateDir, 'proxy'),
    ...(known === undefined ? {} : { known }),
  };
}

/** Once a migration is finalised its owner rows are gone, and without them a proxy would take blue for the owner: the journal knows better. */
export function knownOwner(journal: JournalPlace): ProxyConfigInput['known'] {
  try {
    using reader = openJournalReader(journal);
    const { life, epoch } = reader.refresh();
    return life.phase === 'finalised' ? { side: life.live, epoch } : undefined;
  } catch (error) {
    // Before the first `teal up`.
    if (isTealError(error, 'TEAL-JOURNAL-008')) return undefined;
    throw error;
  }
}
