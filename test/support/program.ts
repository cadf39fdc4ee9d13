import { join, resolve } from 'node:path';

/** The folder into which `tools/bundle-programs.ts` has put the programs of Teal in a form that starts in half the time; without it they are run from their source. */
const bundled = process.env['TEAL_PROGRAMS'];
const top = resolve(import.meta.dirname, '../..');

/** Teal's command. */
export const tealMain = bundled === undefined ? join(top, 'src/cli/main.ts') : join(bundled, 'cli/main.js');

/** `test/migration/controller.ts`. */
export const migrationController =
  bundled === undefined ? join(top, 'test/migration/controller.ts') : join(bundled, 'test/controller.js');
