import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nowMs, sleep } from '../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import type { CaptureTally } from '../ports/capture.ts';
import { captureVersion, captureVersionOfMysql, lineOf, type CaptureHeader } from '../traffic/proxy/capture/format.ts';
import { aboutIfThere, ProxyRouter } from '../traffic/proxy/client.ts';
import { mismatchOf, wantedIdentity } from '../traffic/proxy/identity.ts';
import type { LoadedSpec } from './load-spec.ts';
import { proxyOfFile } from './serve-proxy.ts';

export interface CaptureOptions {
  readonly loaded: LoadedSpec;
  /** The file to make; it must not be there. */
  readonly out: string;
  readonly forMs: number;
  readonly limitBytes: number;
  /** Literals and parameters are replaced, under a key that nobody keeps. */
  readonly redact: boolean;
  /** Ends the capture; what was recorded is kept. */
  readonly signal: AbortSignal;
}

export interface Captured extends CaptureTally {
  readonly file: string;
}

const lookEveryMs = 500;

/**
 * Has the proxy of a migration record what its clients ask, until the time or the size is reached or the signal ends it. Should this process die, the proxy ends it by itself. Errors:
 * TEAL-TRAFFIC-006 the file has no proxy, -009 and -010 another one runs, -035, -037, -038; TEAL-APP-020 none runs.
 */
export async function captureTraffic(options: CaptureOptions): Promise<Captured> {
  const { loaded, out, forMs, limitBytes, redact, signal } = options;
  const router = await runningProxy(loaded);
  const path = resolve(out);
  const atMs = nowMs();
  const { system } = loaded.spec.blue;
  const atIso = new Date(atMs).toISOString();
  const common = { teal: 'capture', migration: loaded.spec.name, atIso, redacted: redact } as const;
  const header: CaptureHeader =
    system === 'mysql' || system === 'mariadb'
      ? { ...common, version: captureVersionOfMysql, system }
      : { ...common, version: captureVersion };
  try {
    await writeFile(path, lineOf(header), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new TealError('TEAL-TRAFFIC-035', `${path}: ${describeError(error)}`, { path }, error);
  }
  try {
    const key = redact ? { redactKey: randomBytes(32).toString('hex') } : {};
    await router.capture.begin({ path, atMs, forMs, limitBytes, ...key });
  } catch (error) {
    // Nothing but the header is in it.
    await rm(path, { force: true });
    throw error;
  }
  return { ...(await untilEnded(router, signal)), file: path };
}

/** Ends a capture that runs, whoever began it. */
export async function stopCapture(loaded: LoadedSpec): Promise<CaptureTally> {
  const router = await runningProxy(loaded);
  await router.capture.end();
  return router.capture.tally();
}

async function untilEnded(router: ProxyRouter, signal: AbortSignal): Promise<CaptureTally> {
  for (;;) {
    const tally = await router.capture.tally();
    if (!tally.running) break;
    try {
      await sleep(lookEveryMs, signal);
    } catch (error) {
      if (!isTealError(error, 'TEAL-KERNEL-003')) throw error;
      break;
    }
  }
  // Also where it has ended by itself: answered when all is in the file.
  await router.capture.end();
  return router.capture.tally();
}

async function runningProxy(loaded: LoadedSpec): Promise<ProxyRouter> {
  const options = proxyOfFile(loaded);
  const router = new ProxyRouter(options.config.controlPath);
  const about = await aboutIfThere(router);
  if (about === undefined) {
    throw new TealError('TEAL-APP-020', `no proxy of ${loaded.spec.name} answers`, { migration: loaded.spec.name });
  }
  const mismatch = mismatchOf(wantedIdentity(options), about);
  if (mismatch !== undefined) throw mismatch;
  return router;
}
