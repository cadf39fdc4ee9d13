import { TealError, isTealError, type ErrorCode, type ErrorFacts } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** By the name of the broker's answer (manual: "Protocol Guide", Error Codes). What is not here is TEAL-SYSTEMS-401. */
const byAnswer: Readonly<Record<string, ErrorCode>> = {
  SASL_AUTHENTICATION_FAILED: 'TEAL-SYSTEMS-002',
  UNSUPPORTED_SASL_MECHANISM: 'TEAL-SYSTEMS-002',
  ILLEGAL_SASL_STATE: 'TEAL-SYSTEMS-002',
  CLUSTER_AUTHORIZATION_FAILED: 'TEAL-SYSTEMS-010',
  TOPIC_AUTHORIZATION_FAILED: 'TEAL-SYSTEMS-010',
  GROUP_AUTHORIZATION_FAILED: 'TEAL-SYSTEMS-010',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'TEAL-SYSTEMS-010',
  UNSUPPORTED_VERSION: 'TEAL-SYSTEMS-402',
};

/** Of Node and of OpenSSL: `UNABLE_TO_VERIFY_LEAF_SIGNATURE`, `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`. */
const tlsCode = /^(ERR_(TLS|SSL)|UNABLE_TO_|EPROTO$)|CERT/;

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/**
 * Anything that the library or a socket threw. `facts.answer` is the name of a broker's error where one was answered. No cause is kept: the library's objects carry the bytes of
 * requests, and those of a login.
 */
export function asTealError(error: unknown, phase: 'connecting' | 'connected', facts: ErrorFacts = {}): TealError {
  if (isTealError(error)) return error;
  const chain = [...partsOf(error)];
  const answer = chain.map(({ apiId }) => apiId).find((id) => typeof id === 'string');
  if (answer !== undefined) {
    return new TealError(byAnswer[answer] ?? 'TEAL-SYSTEMS-401', `a broker answered ${answer}`, { ...facts, answer });
  }
  const innermost = chain.at(-1);
  const text = redact(innermost?.message ?? String(error));
  const cause = chain.map(({ code }) => code).findLast((code) => code !== undefined);
  return new TealError(transportCode(chain, phase), text, { ...facts, cause });
}

interface Part {
  readonly message: string;
  readonly code?: string;
  readonly apiId?: string;
}

/** The error, what caused it, and what was gathered in it, the outermost first. */
function* partsOf(error: unknown, depth = 0): Generator<Part> {
  // Nobody nests deeper, and a circle ends.
  if (!(error instanceof Error) || depth > 8) return;
  const { code, apiId } = error as Error & { code?: unknown; apiId?: unknown };
  yield {
    message: error.message === '' ? error.name : error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof apiId === 'string' ? { apiId } : {}),
  };
  if (error instanceof AggregateError) for (const each of error.errors) yield* partsOf(each, depth + 1);
  yield* partsOf(error.cause, depth + 1);
}

function transportCode(chain: readonly Part[], phase: 'connecting' | 'connected'): ErrorCode {
  const has = (test: (part: Part) => boolean): boolean => chain.some(test);
  if (has(({ code }) => code === 'PLT_KFK_AUTHENTICATION')) return 'TEAL-SYSTEMS-002';
  if (has(({ code, message }) => tlsCode.test(code ?? '') || /\b(TLS|SSL|certificate)\b/.test(message))) {
    return 'TEAL-SYSTEMS-004';
  }
  if (phase === 'connected') return 'TEAL-SYSTEMS-006';
  return has(({ code, message }) => unreachable.has(code ?? '') || /timed out/.test(message))
    ? 'TEAL-SYSTEMS-001'
    : 'TEAL-SYSTEMS-006';
}
