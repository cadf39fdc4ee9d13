import type * as SqliteModule from 'node:sqlite';
import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';

export type { DatabaseSync } from 'node:sqlite';

/**
 * Loads `node:sqlite` without the ExperimentalWarning that Node prints at the first load.
 *
 * An `import` would have the warning emitted while modules are linked, before any line of ours can run; and a filter on the process's
 * `warning` event would hide it by taking that event from everybody else. So the module is fetched here, synchronously, and only what is
 * emitted during that one call is dropped. This is the only place in Teal that may load it.
 */
function loadSqlite(): typeof SqliteModule {
  const emitWarning = Reflect.get(process, 'emitWarning');
  process.emitWarning = (): void => undefined;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

const sqlite = loadSqlite();

export function openDatabase(path: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  return new sqlite.DatabaseSync(path, options);
}
