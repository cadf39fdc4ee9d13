import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../../kernel/clock.ts';
import type { CaptureTally, Capturing } from '../../../ports/capture.ts';
import { lineOf, type CaptureHeader } from '../capture/format.ts';

/** A file with its header, as `teal capture` makes it. */
export async function capturePlace(
  of: Pick<CaptureHeader, 'version'>['version'] = 1,
): Promise<{ readonly path: string; readonly atMs: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-capture-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'capture.jsonl');
  const atMs = Date.now();
  const common = { teal: 'capture', migration: 'test', atIso: new Date(atMs).toISOString(), redacted: false } as const;
  const header = of === 1 ? { ...common, version: of } : { ...common, version: of, system: 'mysql' as const };
  await writeFile(path, lineOf(header), { mode: 0o600 });
  return { path, atMs };
}

/** The tally, once it looks as it should. */
export async function captureTold(
  { router }: { readonly router: { readonly capture: Pick<Capturing, 'tally'> } },
  what: string,
  look: (tally: CaptureTally) => boolean,
): Promise<CaptureTally> {
  return waitFor({ what, timeoutMs: 60_000 }, async () => {
    const tally = await router.capture.tally();
    return look(tally) ? tally : undefined;
  });
}
