import { extname } from 'node:path';

/** Programs that this installation starts as processes or threads of their own. They stand beside this file. */
export type Program =
  | 'carrier-main'
  | 'command-main'
  | 'holder-main'
  | 'journal-thread'
  | 'proxy-main'
  | 'proxy-worker-main'
  | 'receiver-thread'
  | 'recover-main'
  | 'soak-main'
  | 'supervisor-main'
  | 'watch-main';

/** Where a program is: TypeScript in the source tree, JavaScript in what is published. */
export function programUrl(name: Program): URL {
  return new URL(`${name}${extname(import.meta.url)}`, import.meta.url);
}
