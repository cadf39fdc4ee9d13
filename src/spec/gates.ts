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
  | { readonly kind: 'freeze'; readonly file: string };

const defaultTimeoutMs = 5_000;

export function gateOf(gate: GateDocument): GateSpec {
  if (gate.lag !== undefined) return { kind: 'lag', maxLagMs: gate.lag, forMs: gate.for ?? 0 };
  if (gate.sql !== undefined)
    return { kind: 'sql', sql: gate.sql, equals: String(gate.equals), on: gate.on ?? 'green' };
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
  return { kind: 'verify' };
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
export function printableGate(gate: GateSpec): GateSpec {
  if (gate.kind === 'http') {
    return { ...gate, http: printableHttp(gate.http), ...(gate.body === undefined ? {} : { body: '***' }) };
  }
  return gate.kind === 'prometheus' ? { ...gate, http: printableHttp(gate.http) } : gate;
}

function printableHttp(http: HttpSpec): HttpSpec {
  const headers = Object.fromEntries(Object.keys(http.headers).map((name) => [name, '***']));
  return { ...http, url: http.url.replace(/[?#].*$/s, '?***'), headers };
}
