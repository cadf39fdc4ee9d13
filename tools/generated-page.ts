import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file's text; undefined when it is not there. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a page that is made from code; with `--check` only says whether it is as it would be made, by the exit code. */
export function writeOrCheck(page: string, wanted: string, program: string): void {
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(page), { recursive: true });
    writeFileSync(page, wanted);
  } else if (readIfThere(page) !== wanted) {
    process.stdout.write(`${page} is out of date: run \`node ${program}\`\n`);
    process.exitCode = 1;
  }
}
