import { renameSync, writeFileSync } from 'node:fs';

/** Whoever reads it sees the old text or the new one, also when the machine lost its power in between. For its owner only. `replaceFile` for callers that cannot wait as promises do. */
export function replaceNow(file: string, body: string, encoding: 'utf8' | 'base64' = 'utf8'): void {
  writeFileSync(`${file}.new`, body, { encoding, mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
