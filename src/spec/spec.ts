import { redact } from '../kernel/redact.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { SpecDocument } from './document.ts';
import { familyOf } from './families.ts';

export type GateSpec =
  | { readonly kind: 'lag'; readonly maxLagMs: number; readonly forMs: number }
  | { readonly kind: 'verify' }
  | { readonly kind: 'sql'; readonly sql: string; readonly equals: string; readonly on: 'blue' | 'green' }
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'person'; readonly person: string };

export type SystemName = SpecDocument['blue']['system'];

export interface SideSpec {
  readonly system: SystemName;
  /** With its password: never print it; see `printableSpec`. */
  readonly url: string;
}

/** The normal form of a user's file: every default is in, every unit is said. */
export interface Spec {
  readonly name: string;
  readonly blue: SideSpec;
  readonly green: SideSpec;
  readonly tables: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  readonly traffic: {
    readonly router: 'proxy' | 'none';
    readonly listenHost: string;
    readonly listenPort: number;
    readonly tls?: { readonly cert: string; readonly key: string };
    /** `scram`: PostgreSQL. `password`: MySQL and MariaDB, by the plugin of each account. */
    readonly clientAuth: 'scram' | 'password' | 'trust';
    /** Path, as in the file. */
    readonly authFile?: string;
    readonly pinned: 'abort' | 'close';
    readonly maxClients: number;
  };
  readonly copy: { readonly workers: number; readonly indexWorkers: number };
  readonly follow: {
    /** Of blue; green is followed by its log. */
    readonly method: FollowMethod;
    readonly walBudgetBytes: number;
    readonly spoolLimitBytes: number;
    readonly heartbeatMs: number;
  };
  readonly cutover: {
    readonly maxPauseMs: number;
    readonly drainMs: number;
    readonly lockTimeoutMs: number;
    readonly gates: readonly GateSpec[];
    readonly sequenceHeadroom: number;
  };
  readonly soak: { readonly forMs: number };
  readonly finalise: { readonly afterMs: number; readonly blue: 'keep' | 'open' };
  readonly stateDir: string;
  /** From MySQL or MariaDB to PostgreSQL; absent where the file says nothing of it. */
  readonly mapping?: NonNullable<SpecDocument['mapping']>;
}

/** `urls` are read already: the environment and files are the caller's. */
export function normalForm(document: SpecDocument, urls: { readonly blue: string; readonly green: string }): Spec {
  const { traffic, follow, cutover } = document;
  const families = { blue: familyOf(document.blue.system), green: familyOf(document.green.system) };
  const colon = traffic.listen.lastIndexOf(':');
  return deepFreeze({
    name: document.name,
    blue: { system: document.blue.system, url: urls.blue },
    green: { system: document.green.system, url: urls.green },
    tables: document.tables,
    traffic: {
      router: traffic.router ?? (families.blue === families.green ? 'proxy' : 'none'),
      listenHost: traffic.listen.slice(0, colon).replace(/^\[|\]$/g, ''),
      listenPort: Number(traffic.listen.slice(colon + 1)),
      ...(traffic.tls === undefined ? {} : { tls: traffic.tls }),
      clientAuth: traffic.clientAuth ?? (families.blue === 'postgres' ? 'scram' : 'password'),
      ...(traffic.authFile === undefined ? {} : { authFile: traffic.authFile }),
      pinned: traffic.pinned,
      maxClients: traffic.maxClients,
    },
    copy: document.copy,
    follow: {
      method: follow.method,
      walBudgetBytes: follow.walBudget,
      spoolLimitBytes: follow.spool,
      heartbeatMs: follow.heartbeat,
    },
    cutover: {
      maxPauseMs: cutover.maxPause,
      drainMs: cutover.drain ?? Math.round((cutover.maxPause * 2) / 3),
      lockTimeoutMs: cutover.lockTimeout,
      gates: cutover.gates.map(gateOf),
      sequenceHeadroom: cutover.sequenceHeadroom,
    },
    soak: { forMs: document.soak.for },
    finalise: { afterMs: document.finalise.after, blue: document.finalise.blue },
    ...(document.mapping === undefined ? {} : { mapping: document.mapping }),
    stateDir: document.stateDir ?? `.teal/${document.name}`,
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

function gateOf(gate: SpecDocument['cutover']['gates'][number]): GateSpec {
  if (gate.lag !== undefined) return { kind: 'lag', maxLagMs: gate.lag, forMs: gate.for ?? 0 };
  if (gate.sql !== undefined)
    return { kind: 'sql', sql: gate.sql, equals: String(gate.equals), on: gate.on ?? 'green' };
  if (gate.command !== undefined) return { kind: 'command', command: gate.command };
  if (gate.person !== undefined) return { kind: 'person', person: gate.person };
  return { kind: 'verify' };
}

/** For the screen, the journal and the report: the same without passwords. */
export function printableSpec(spec: Spec): Spec {
  return {
    ...spec,
    blue: { ...spec.blue, url: redact(spec.blue.url) },
    green: { ...spec.green, url: redact(spec.green.url) },
  };
}
