import { assert } from '../kernel/assert.ts';
import type { AlertSource } from '../model/alerts.ts';
import { gateDays, type GateDocument } from './gate-document.ts';

/** How a gate puts its question over HTTP. */
export interface HttpSpec {
  /** May hold a secret in its query: `printableGate` leaves that out. */
  readonly url: string;
  /** With their secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Path, as in the file. */
  readonly ca?: string;
}

/** Within which a number must be; at least one end is there, and neither belongs to it. */
export interface RangeSpec {
  readonly below?: number;
  readonly above?: number;
  /** How long it must have been seen within. */
  readonly forMs: number;
}

export interface WindowSpec {
  readonly days: readonly (typeof gateDays)[number][];
  /** Minutes after midnight by the clock of the zone; `to` at most `from` is of the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

export type GateSpec =
  | { readonly kind: 'lag'; readonly maxLagMs: number; readonly forMs: number }
  | { readonly kind: 'verify' }
  | { readonly kind: 'sql'; readonly sql: string; readonly equals: string; readonly on: 'blue' | 'green' }
  /** The same value on both sides; `within`: decimal, how far two numbers may be apart. */
  | { readonly kind: 'sql on both'; readonly sql: string; readonly within?: string }
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'person'; readonly person: string }
  | {
      readonly kind: 'http';
      readonly http: HttpSpec;
      readonly method: 'GET' | 'POST';
      readonly body?: string;
      readonly status: number;
      readonly value?: { readonly pointer: string; readonly equals: string | number | boolean };
    }
  | { readonly kind: 'prometheus'; readonly query: string; readonly http: HttpSpec; readonly range: RangeSpec }
  | ({ readonly kind: 'window' } & WindowSpec)
  /** `file`: path, as in the file. */
  | { readonly kind: 'freeze'; readonly file: string }
  | {
      readonly kind: 'alert';
      /** Of Datadog the number of a monitor. */
      readonly name: string;
      /** With their values, all of which must be so. */
      readonly labels: Readonly<Record<string, string>>;
      readonly from: AlertSource;
      /** How long what was told is believed. */
      readonly staleAfterMs: number;
    }
  | {
      readonly kind: 'datadog';
      readonly asks: { readonly query: string; readonly range: RangeSpec } | { readonly monitor: number };
      readonly server: {
        readonly url: string;
        readonly apiKey: string;
        readonly applicationKey: string;
        readonly timeoutMs: number;
        /** Path, as in the file. */
        readonly ca?: string;
      };
    };

/** Those that ask neither the migration nor a person. */
export type OutsideGate = Exclude<GateSpec, { readonly kind: 'lag' | 'verify' | 'person' }>;

const defaultTimeoutMs = 5_000;
const defaultStaleAfterMs = 5 * 60_000;

export function gateOf(gate: GateDocument): GateSpec {
  if (gate.lag !== undefined) return { kind: 'lag', maxLagMs: gate.lag, forMs: gate.for ?? 0 };
  if (gate.sql !== undefined) return sqlGateOf(gate, gate.sql);
  if (gate.command !== undefined) return { kind: 'command', command: gate.command };
  if (gate.person !== undefined) return { kind: 'person', person: gate.person };
  if (gate.http !== undefined) return httpGateOf(gate, gate.http);
  if (gate.prometheus !== undefined)
    return { kind: 'prometheus', query: gate.prometheus, http: httpOf(gate, gate.url ?? ''), range: rangeOf(gate) };
  if (gate.window !== undefined) {
    const { days = gateDays, from, to, zone } = gate.window;
    return { kind: 'window', days, fromMinute: minuteOf(from), toMinute: minuteOf(to), zone };
  }
  if (gate.freeze !== undefined) return { kind: 'freeze', file: gate.freeze };
  if (gate.datadog !== undefined) return datadogGateOf(gate, gate.datadog);
  if (gate.alert !== undefined) {
    const { alert: name, labels = {}, from = 'alertmanager', staleAfter: staleAfterMs = defaultStaleAfterMs } = gate;
    return { kind: 'alert', name, labels, from, staleAfterMs };
  }
  return { kind: 'verify' };
}

/** Of a list that has no others. */
export function outsideGateOf(gate: GateDocument): OutsideGate {
  const made = gateOf(gate);
  assert(
    made.kind !== 'lag' && made.kind !== 'verify' && made.kind !== 'person',
    'a gate that can be asked at any time',
  );
  return made;
}

function sqlGateOf({ equals, on = 'green', within }: GateDocument, sql: string): GateSpec {
  if (on !== 'both') return { kind: 'sql', sql, equals: String(equals), on };
  return { kind: 'sql on both', sql, ...(within === undefined ? {} : { within: String(within) }) };
}

function datadogGateOf(gate: GateDocument, asked: NonNullable<GateDocument['datadog']>): GateSpec {
  const { query, monitor, apiKey, applicationKey, url = 'https://api.datadoghq.com' } = asked;
  const { timeoutMs, ca } = httpOf(gate, url);
  return {
    kind: 'datadog',
    asks: monitor === undefined ? { query: query ?? '', range: rangeOf(gate) } : { monitor },
    server: { url, apiKey, applicationKey, timeoutMs, ...(ca === undefined ? {} : { ca }) },
  };
}

function httpGateOf(gate: GateDocument, url: string): GateSpec {
  const { pointer, equals, body } = gate;
  return {
    kind: 'http',
    http: httpOf(gate, url),
    method: gate.method ?? (body === undefined ? 'GET' : 'POST'),
    ...(body === undefined ? {} : { body }),
    status: gate.status ?? 200,
    ...(pointer === undefined || equals === undefined ? {} : { value: { pointer, equals } }),
  };
}

function httpOf({ headers = {}, timeout, ca }: GateDocument, url: string): HttpSpec {
  return { url, headers, timeoutMs: timeout ?? defaultTimeoutMs, ...(ca === undefined ? {} : { ca }) };
}

function rangeOf({ below, above, for: forMs = 0 }: GateDocument): RangeSpec {
  return { ...(below === undefined ? {} : { below }), ...(above === undefined ? {} : { above }), forMs };
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Without what may be a secret: values of headers, a body, the query of a URL. */
export function printableGate<Gate extends GateSpec>(gate: Gate): Gate;
export function printableGate(gate: GateSpec): GateSpec {
  if (gate.kind === 'http') {
    return { ...gate, http: printableHttp(gate.http), ...(gate.body === undefined ? {} : { body: '***' }) };
  }
  if (gate.kind === 'datadog') return { ...gate, server: { ...gate.server, apiKey: '***', applicationKey: '***' } };
  return gate.kind === 'prometheus' ? { ...gate, http: printableHttp(gate.http) } : gate;
}

function printableHttp(http: HttpSpec): HttpSpec {
  const headers = Object.fromEntries(Object.keys(http.headers).map((name) => [name, '***']));
  return { ...http, url: http.url.replace(/[?#].*$/s, '?***'), headers };
}
