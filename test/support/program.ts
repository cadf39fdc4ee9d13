import { join, resolve } from 'node:path';

/** Teal's command: that of the source, or of TEAL_PROGRAMS, the folder into which `tools/bundle-programs.ts` has put the same programs in a form that starts in half the time. */
export const tealMain =
  process.env['TEAL_PROGRAMS'] === undefined
    ? resolve(import.meta.dirname, '../../src/cli/main.ts')
    : join(process.env['TEAL_PROGRAMS'], 'cli/main.js');
