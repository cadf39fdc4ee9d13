import { randomUUID } from 'node:crypto';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';
import type { Side } from '../../model/catalog.ts';
import type { Desk, DeskState } from '../desk-router.ts';

export interface WebhookDeskOptions {
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string;
  readonly migration: string;
  /** The service also knows `hold` and `release`. */
  readonly holds: boolean;
  /** For one question with all its attempts. */
  readonly timeoutMs: number;
  /** Of a log: it is about the producers of these alone. Default: of all. */
  readonly topics?: readonly string[];
}

type Body = Readonly<Record<string, string | number | readonly string[]>>;

const keptBytes = 4_096;
const pauseMs = 250;
/** Nobody can say whether it was heard: asked again, with the same key. */
const askAgain: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A service of the user's: a POST for each question (docs/guide/routers.md has the bodies). Errors: TEAL-TRAFFIC-020. */
export function webhookDesk(options: WebhookDeskOptions): Desk {
  const { migration, holds, timeoutMs, topics } = options;
  const of = topics === undefined ? {} : { topics };
  const ask = async (
    action: string,
    about: Readonly<Record<string, string | number>>,
    limitMs = timeoutMs,
  ): Promise<string> => {
    // The same order has the same key, also from the next controller. One that is no order of a cut has one of its own.
    const key = [migration, action, ...(Object.keys(about).length === 0 ? [randomUUID()] : Object.values(about))].join(
      '/',
    );
    return post(options, { migration, action, ...of, ...about }, key, monotonicMs() + limitMs);
  };
  return {
    name: 'The service at `traffic.url`',
    read: async () => stateOf(await ask('read', {})),
    point: async (side, epoch) => (await ask('point', { side, epoch })).trim().replace(/\s+/g, ' '),
    ...(holds
      ? {
          holding: {
            hold: async ({ cut, leaseMs, drainMs }) =>
              void (await ask('hold', { cut, leaseMs, drainMs }, Math.min(timeoutMs, drainMs))),
            release: async () => void (await ask('release', {})),
          },
        }
      : {}),
  };
}

async function post(options: WebhookDeskOptions, body: Body, key: string, deadline: number): Promise<string> {
  let why = 'there was no answer in its time';
  for (;;) {
    const told = await attempt(options, body, key, Math.max(1, deadline - monotonicMs()));
    if (told.isAnswer) return told.text;
    // One that the end of the time has cut off says nothing; what was heard before it does.
    why = told.why ?? why;
    if (monotonicMs() + pauseMs >= deadline) throw failed(String(body['action']), why);
    await sleep(pauseMs);
  }
}

type Told =
  | { readonly isAnswer: true; readonly text: string }
  | { readonly isAnswer: false; readonly why: string | undefined };

async function attempt({ url, token }: WebhookDeskOptions, body: Body, key: string, leftMs: number): Promise<Told> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const late = AbortSignal.timeout(Math.ceil(leftMs));
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...authorization },
      body: JSON.stringify(body),
      // A key is for one service: it goes nowhere else.
      redirect: 'manual',
      signal: late,
    });
    text = await beginningOf(response);
  } catch (error) {
    if (late.aborted) return { isAnswer: false, why: undefined };
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { isAnswer: false, why: cause instanceof Error ? cause.message : String(cause) };
  }
  // A service may say back what it was sent.
  if (token !== undefined) text = text.replaceAll(token, '***');
  if (response.ok) return { isAnswer: true, text };
  const why = `it answered ${response.status}${text.trim() === '' ? '' : `: ${text.trim().slice(0, 500)}`}`;
  if (askAgain.has(response.status)) return { isAnswer: false, why };
  throw failed(String(body['action']), why);
}

/** What comes after it is not waited for. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk.subarray(0, keptBytes - bytes));
    bytes += chunk.length;
    if (bytes >= keptBytes) break;
  }
  return redact(Buffer.concat(chunks).toString('utf8'));
}

function stateOf(text: string): DeskState {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    throw failed('read', 'it answered no JSON');
  }
  const { pointsTo, holding = false } = (told ?? {}) as { readonly pointsTo?: unknown; readonly holding?: unknown };
  if (!isSide(pointsTo) || typeof holding !== 'boolean') {
    throw failed('read', 'its answer is not { "pointsTo": "blue" | "green" | "unknown", "holding": true | false }');
  }
  return { side: pointsTo, isHolding: holding };
}

function isSide(told: unknown): told is Side | 'unknown' {
  return told === 'blue' || told === 'green' || told === 'unknown';
}

function failed(action: string, why: string): TealError {
  return new TealError('TEAL-TRAFFIC-020', `${action}: ${why}`, { action });
}
