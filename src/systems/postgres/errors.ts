import { TealError, isTealError, type ErrorCode, type ErrorFacts } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** What PostgreSQL says in an ErrorResponse, as far as Teal reads it (manual: "Error and Notice Message Fields"). */
export interface ServerErrorFields {
  readonly severity?: string | undefined;
  readonly sqlState: string;
  readonly message: string;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  /** Of the server's source that reported it. */
  readonly routine?: string | undefined;
}

const bySqlState: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'TEAL-SYSTEMS-002',
  '28000': 'TEAL-SYSTEMS-002',
  '3D000': 'TEAL-SYSTEMS-003',
  '53100': 'TEAL-SYSTEMS-011',
  '53300': 'TEAL-SYSTEMS-005',
  '57P01': 'TEAL-SYSTEMS-006',
  '57P02': 'TEAL-SYSTEMS-006',
  '57P03': 'TEAL-SYSTEMS-006',
  '57P05': 'TEAL-SYSTEMS-006',
  '55P03': 'TEAL-SYSTEMS-008',
  '40P01': 'TEAL-SYSTEMS-008',
  '42501': 'TEAL-SYSTEMS-010',
};

/**
 * Message texts of these conditions repeat values of the statement or are written by a user's own function (`invalid input syntax for type
 * integer: "…"`, RAISE, which may name any condition): they stay out. DETAIL and WHERE are never read at all: they hold whole rows.
 */
function mayRepeatValues({ sqlState, routine }: ServerErrorFields): boolean {
  return (
    routine === 'exec_stmt_raise' || sqlState.startsWith('22') || sqlState.startsWith('P0') || sqlState === '42601'
  );
}

/** The server's own text, where it cannot hold values. */
export function serverText(fields: ServerErrorFields): string {
  return mayRepeatValues(fields) ? 'the server refused a statement' : redact(fields.message);
}

/** The error of Teal for an ErrorResponse. The SQLSTATE is in `facts.sqlState`. Server texts with values in them are left out. */
export function serverError(fields: ServerErrorFields, facts: ErrorFacts = {}): TealError {
  const code = bySqlState[fields.sqlState] ?? 'TEAL-SYSTEMS-007';
  return new TealError(code, serverText(fields), {
    ...facts,
    sqlState: fields.sqlState,
    schema: fields.schema,
    table: fields.table,
    column: fields.column,
    dataType: fields.dataType,
    constraint: fields.constraint,
  });
}

const tlsErrorCodes = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'EPROTO',
]);
const unreachableCodes = new Set([
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

function textProperty(error: object, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Anything that the driver or the socket threw, as an error of Teal. `connecting` tells a server that was never reached from one that was lost.
 * Server errors keep no cause: the driver's own object carries DETAIL, and a logger would print it.
 */
export function asTealError(error: unknown, phase: 'connecting' | 'connected', facts: ErrorFacts = {}): TealError {
  if (isTealError(error)) return error;
  if (!(error instanceof Error)) return new TealError('TEAL-SYSTEMS-006', redact(String(error)), facts);
  const code = textProperty(error, 'code');
  if (textProperty(error, 'severity') !== undefined && code !== undefined) {
    return serverError(
      {
        sqlState: code,
        message: error.message,
        schema: textProperty(error, 'schema'),
        table: textProperty(error, 'table'),
        column: textProperty(error, 'column'),
        dataType: textProperty(error, 'dataType'),
        constraint: textProperty(error, 'constraint'),
        routine: textProperty(error, 'routine'),
      },
      facts,
    );
  }
  return new TealError(transportCode(error, code, phase), redact(error.message === '' ? error.name : error.message), {
    ...facts,
    cause: code,
  });
}

function transportCode(error: Error, code: string | undefined, phase: 'connecting' | 'connected'): ErrorCode {
  const isTls = /\b(SSL|TLS|certificate|altnames)\b/i.test(error.message);
  if (
    isTls ||
    (code !== undefined && (tlsErrorCodes.has(code) || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')))
  ) {
    return 'TEAL-SYSTEMS-004';
  }
  if (phase === 'connected') return 'TEAL-SYSTEMS-006';
  if (/password|SASL|SCRAM/i.test(error.message)) return 'TEAL-SYSTEMS-002';
  if (code !== undefined && unreachableCodes.has(code)) return 'TEAL-SYSTEMS-001';
  return error.message === 'timeout expired' ? 'TEAL-SYSTEMS-001' : 'TEAL-SYSTEMS-006';
}

/** The SQLSTATE of a server error, when that is what it is. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!isTealError(error)) return undefined;
  const state = error.facts['sqlState'];
  return typeof state === 'string' ? state : undefined;
}
