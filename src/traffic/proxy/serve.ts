import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { describeError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { HoldRequest, HoldResult } from '../../ports/router.ts';
import type { CanaryReads } from '../../ports/canary.ts';
import type { Capturing } from '../../ports/capture.ts';
import type { ShadowReads } from '../../ports/shadow.ts';
import type { ProxyConfig } from './config.ts';
import { ControlServer, type Controlled } from './control.ts';
import type { Directing } from './director.ts';
import { identityOf, type IdentifiedTarget, type ProxyAbout, type Workers } from './identity.ts';
import type { ForPeers, Peers } from './peers.ts';

export interface ProxyOptions {
  readonly config: ProxyConfig;
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** Default: `controller`. */
  readonly startedBy?: ProxyAbout['startedBy'];
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface RunningProxy {
  readonly port: number;
  /** Resolves when the proxy was told to stop, by `stop` or over its control socket; rejects when it ended because it could serve nobody any more. */
  readonly stopped: Promise<void>;
  /** Idle sessions end at once, others when their transaction has ended, after `graceMs` (default: `stopGraceMs` of the configuration) all of them. */
  stop(graceMs?: number): Promise<void>;
}

/** What a proxy is made of. */
export interface ProxyParts {
  readonly hub: Directing & { readonly side: Side; start(): Promise<void>; stop(graceMs: number): Promise<void> };
  /** Where reads of clients can be compared. */
  readonly shadow?: ShadowReads;
  readonly canary: CanaryReads;
  /** Absent where sessions of some tenants cannot go elsewhere than the others. */
  readonly tenancy?: Controlled['tenancy'];
  /** Where what clients ask can be recorded. */
  readonly capture?: Capturing;
  readonly targets: Readonly<Record<Side, IdentifiedTarget>>;
  readonly reception: { listen(): Promise<number>; stop(): void };
  /** Finds before anybody is let in what would fail at the first login. */
  readonly check?: () => Promise<void>;
  /** The processes that serve, where this one only directs them. */
  readonly workers?: () => Workers;
  /** Resolves with why, when it can serve nobody any more. */
  readonly lost?: Promise<Error>;
}

/** What the sessions of one family are made of, alone in their process or among others. */
export interface SessionParts extends ProxyParts {
  readonly hub: ProxyParts['hub'] & { shut(request: HoldRequest): Promise<HoldResult> };
  readonly reception: ProxyParts['reception'] & {
    /** A client that connected to another process. */
    take(socket: Socket): void;
    /** A wrong password that was given to another process. */
    countFailure(user: string, address: string): void;
  };
  readonly check: () => Promise<void>;
  readonly forPeers: ForPeers;
}

/** Where sessions are: alone in their process, or in one of several. */
export interface Host {
  readonly peers?: Peers;
  run(options: ProxyOptions, parts: SessionParts): Promise<RunningProxy>;
}

export const alone: Host = Object.freeze({ run: serve });

/** Runs the proxy in this process: first it learns who owns the data, then it takes clients and orders. */
export async function serve(options: ProxyOptions, parts: ProxyParts): Promise<RunningProxy> {
  const { config, log } = options;
  const { hub, shadow, canary, tenancy, capture, targets, reception } = parts;
  const identity = identityOf(config, targets.blue, targets.green);
  const ended = Promise.withResolvers<void>();
  let port = 0;
  const control = new ControlServer(config.controlPath, {
    hub,
    ...(shadow === undefined ? {} : { shadow }),
    canary,
    ...(tenancy === undefined ? {} : { tenancy }),
    ...(capture === undefined ? {} : { capture }),
    about: () => ({
      pid: process.pid,
      port,
      startedBy: options.startedBy ?? 'controller',
      ...(parts.workers === undefined ? {} : { workers: parts.workers() }),
      ...identity,
    }),
    stop: () => void stop(),
  });
  let lost: Error | undefined;
  const stop = async (graceMs = config.stopGraceMs): Promise<void> => {
    reception.stop();
    await control.stop();
    await hub.stop(graceMs);
    if (lost === undefined) ended.resolve();
    else ended.reject(lost);
  };
  const failWith = async (why: Promise<Error>): Promise<void> => {
    lost = await why;
    await stop(0);
  };
  if (parts.lost !== undefined) void failWith(parts.lost);
  try {
    if (config.clientAuth !== 'trust') await parts.check?.();
    await hub.start();
    port = await reception.listen();
    await control.listen();
  } catch (error) {
    await stop(0);
    throw error;
  }
  log('listening', { host: config.listen.host, port, side: hub.side });
  return { port, stopped: ended.promise, stop };
}

/** What clients see, of the files that the configuration names. */
export async function readTls(
  config: ProxyConfig,
): Promise<{ readonly tls?: { readonly certificate: string; readonly key: string } }> {
  if (config.tls === undefined) return {};
  const { certificateFile, keyFile } = config.tls;
  return { tls: { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') } };
}

/** Asks each side whether passwords may be read there. One that is away is asked by the first login that needs it. */
export async function askEachSide<Desk extends { readonly target: { readonly side: Side } }>(
  desks: Readonly<Record<Side, Desk>>,
  log: ProxyOptions['log'],
  ask: (desk: Desk) => Promise<void>,
): Promise<void> {
  for (const desk of Object.values(desks)) {
    try {
      await ask(desk);
    } catch (error) {
      if (!isTealError(error, 'TEAL-TRAFFIC-002')) throw error;
      const { side } = desk.target;
      log('a side could not be asked whether passwords may be read', { side, because: describeError(error) });
    }
  }
}
