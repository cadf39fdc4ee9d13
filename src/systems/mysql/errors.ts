import { TealError, isTealError, type ErrorCode, type ErrorFacts } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** By the server's number (manual: "Server Error Message Reference"; MariaDB: "MariaDB Error Codes"). */
const byNumber: ReadonlyMap<number, ErrorCode> = new Map([
  [1044, 'TEAL-SYSTEMS-010'],
  [1142, 'TEAL-SYSTEMS-010'],
  [1143, 'TEAL-SYSTEMS-010'],
  [1227, 'TEAL-SYSTEMS-010'],
  [1370, 'TEAL-SYSTEMS-010'],
  [1045, 'TEAL-SYSTEMS-002'],
  [1698, 'TEAL-SYSTEMS-002'],
  [1130, 'TEAL-SYSTEMS-002'],
  [1049, 'TEAL-SYSTEMS-003'],
  [1040, 'TEAL-SYSTEMS-005'],
  [1203, 'TEAL-SYSTEMS-005'],
  [1226, 'TEAL-SYSTEMS-005'],
  [1053, 'TEAL-SYSTEMS-006'],
  [1077, 'TEAL-SYSTEMS-006'],
  [1927, 'TEAL-SYSTEMS-006'],
  [3169, 'TEAL-SYSTEMS-006'],
  [1205, 'TEAL-SYSTEMS-008'],
  [1213, 'TEAL-SYSTEMS-008'],
  [3572, 'TEAL-SYSTEMS-008'],
  [1021, 'TEAL-SYSTEMS-011'],
  [1114, 'TEAL-SYSTEMS-011'],
]);

/** Whose text names accounts, objects and settings and nothing else. All others may repeat values or the statement ("Duplicate entry '…'", "near '…'", SIGNAL). */
const tellable: ReadonlySet<number> = new Set([
  1040, 1044, 1045, 1046, 1049, 1051, 1054, 1091, 1130, 1142, 1143, 1146, 1193, 1203, 1205, 1213, 1226, 1227, 1290,
  1305, 1370, 1419, 1698, 1836, 3572,
]);

interface ServerError {
  readonly number: number;
  readonly sqlState: string;
  readonly message: string;
}

/** The error of Teal for an ERR packet: its number is in `facts.number`, its SQLSTATE in `facts.sqlState`. Texts that may hold values are left out. */
export function serverError({ number, sqlState, message }: ServerError, facts: ErrorFacts = {}): TealError {
  const text = tellable.has(number) ? redact(message) : 'the server refused a statement';
  return new TealError(byNumber.get(number) ?? 'TEAL-SYSTEMS-007', text, { ...facts, number, sqlState });
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOENT',
  'EACCES',
]);

/** Anything that the driver or the socket threw. `connecting` tells a server that was never reached from one that was lost. No cause is kept: the driver's object carries the statement. */
export function asTealError(error: unknown, phase: 'connecting' | 'connected', facts: ErrorFacts = {}): TealError {
  if (isTealError(error)) return error;
  if (!(error instanceof Error)) return new TealError('TEAL-SYSTEMS-006', redact(String(error)), facts);
  const { errno, sqlState, code } = error as Error & { errno?: unknown; sqlState?: unknown; code?: unknown };
  if (typeof errno === 'number' && typeof sqlState === 'string' && sqlState !== '') {
    return serverError({ number: errno, sqlState, message: error.message }, facts);
  }
  const known = typeof code === 'string' ? code : undefined;
  return new TealError(transportCode(error, known, phase), redact(error.message === '' ? error.name : error.message), {
    ...facts,
    cause: known,
  });
}

function transportCode(error: Error, code: string | undefined, phase: 'connecting' | 'connected'): ErrorCode {
  const isTls =
    /\b(SSL|TLS|certificate|altnames|secure connection)\b/i.test(error.message) ||
    /^(ERR_(TLS|SSL)|HANDSHAKE_NO_SSL|CERT_)/.test(code ?? '');
  if (isTls) return 'TEAL-SYSTEMS-004';
  if (phase === 'connected') return 'TEAL-SYSTEMS-006';
  return code !== undefined && unreachable.has(code) ? 'TEAL-SYSTEMS-001' : 'TEAL-SYSTEMS-006';
}

/** The number of a server's error, when that is what it is. */
export function serverNumberOf(error: unknown): number | undefined {
  if (!isTealError(error)) return undefined;
  const { number } = error.facts;
  return typeof number === 'number' ? number : undefined;
}
