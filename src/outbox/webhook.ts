import { once } from 'node:events';
import type { Agent, IncomingMessage } from 'node:http';
import { describeError, TealError, type ErrorCode } from '../kernel/errors.ts';
import { nodeHttp, nodeHttps } from '../kernel/node-http.ts';
import { tealVersion } from '../kernel/version.ts';
import type { OutboxEvent, OutboxTarget } from '../ports/outbox.ts';

export interface WebhookOptions {
  /** http: or https:, without a user. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole answer. */
  readonly timeoutMs: number;
  readonly lanes: number;
}

/** It is the address or the receiver that is wrong, not the event: redirects, who asks, where it asks, too busy, down behind its proxy. */
const notBecauseOfTheEvent = new Set([401, 403, 404, 405, 407, 429, 502, 503, 504]);
/** The receiver may take it another time. */
const another = new Set([408, 409, 423, 425]);

/**
 * A POST for each event, in the form of CloudEvents over HTTP (binary mode): the payload is the body, the rest is headers. `ce-id` and `idempotency-key` are the id of the event: what comes twice has
 * the same. 2xx is taken. Certificates are verified whatever the environment says; redirects are not followed; the answer's body is not read.
 */
export function webhookTarget(options: WebhookOptions): OutboxTarget {
  const url = new URL(options.url);
  const agent = new (url.protocol === 'https:' ? nodeHttps() : nodeHttp()).Agent({
    keepAlive: true,
    maxSockets: options.lanes,
  });
  return {
    place: `${url.origin}${url.pathname}`,
    lanes: options.lanes,
    mostAtOnce: 1,
    deliver: async (events) => {
      for (const event of events) await post(url, agent, options, event);
    },
    [Symbol.asyncDispose]: async () => agent.destroy(),
  };
}

async function post(url: URL, agent: Agent, { headers, timeoutMs }: WebhookOptions, event: OutboxEvent): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const options = { method: 'POST', agent, signal, headers: { ...headersOf(event), ...headers } };
  const request =
    url.protocol === 'https:'
      ? nodeHttps().request(url, { ...options, rejectUnauthorized: true })
      : nodeHttp().request(url, options);
  let answer: IncomingMessage;
  try {
    const response = once(request, 'response', { signal });
    request.end(event.payload ?? undefined);
    [answer] = (await response) as [IncomingMessage];
    // The connection is used again once the answer is over.
    answer.resume();
  } catch (error) {
    throw transportError(url, signal.aborted ? `no answer within ${timeoutMs} ms` : error, request.reusedSocket);
  }
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  throw new TealError(codeOfStatus(status), `${url.host} answered ${status}`, { host: url.host, status });
}

export function codeOfStatus(status: number): ErrorCode {
  if (status < 400 || notBecauseOfTheEvent.has(status)) return 'TEAL-OUTBOX-012';
  return status >= 500 || another.has(status) ? 'TEAL-OUTBOX-011' : 'TEAL-OUTBOX-010';
}

/** Without a connection no event was looked at; one that was lost in the middle may have been by this event, unless it had been kept and was dead already. */
function transportError(url: URL, error: unknown, wasKept: boolean): TealError {
  const system = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const isLost = typeof error === 'string' || (!wasKept && (system === 'ECONNRESET' || system === 'EPIPE'));
  return new TealError(isLost ? 'TEAL-OUTBOX-011' : 'TEAL-OUTBOX-012', `${url.host}: ${describeError(error)}`, {
    host: url.host,
  });
}

function headersOf(event: OutboxEvent): Record<string, string> {
  return {
    'user-agent': `teal/${tealVersion}`,
    ...(event.payload === null ? {} : { 'content-type': 'application/json' }),
    'content-length': String(event.payload?.length ?? 0),
    'idempotency-key': event.id,
    'ce-specversion': '1.0',
    'ce-id': event.id,
    'ce-source': `/outbox/${encodeURIComponent(event.aggregateType)}`,
    'ce-subject': asHeader(event.aggregateId),
    'ce-type': asHeader(event.type),
    'ce-time': new Date(event.createdMs).toISOString(),
  };
}

/** As the HTTP binding of CloudEvents has it: a space, a quote, a percent sign and all that is not printable ASCII, by its bytes. */
export function asHeader(text: string): string {
  return text.replace(/[^\x21\x23-\x24\x26-\x7e]/gu, (character) =>
    [...Buffer.from(character, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
