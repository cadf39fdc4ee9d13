import type { Problem } from '../types.ts';

/** The API answered, and not with what was asked for. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem | undefined;

  constructor(status: number, problem: Problem | undefined) {
    super(problem === undefined ? `the answer was ${status}` : `${problem.title} (${problem.code})`);
    this.status = status;
    this.problem = problem;
  }

  get code(): string | undefined {
    return this.problem?.code;
  }
}

export interface Request {
  readonly token: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const patienceMs = 70_000;

/** Asks the server that the page came from; relative, so that it may stand behind a prefix. Errors: `Refused`, or those of `fetch` where nobody answers. */
export async function ask<T>(path: string, request: Request): Promise<T> {
  const limit = AbortSignal.timeout(patienceMs);
  const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
  const answer = await open(path, { ...request, signal });
  return (await answer.json()) as T;
}

/** The answer as it comes. */
export async function open(path: string, { token, signal, method, body, headers }: Request): Promise<Response> {
  const answer = await fetch(path, {
    method: method ?? 'GET',
    cache: 'no-store',
    // The cookie of a session, where somebody has signed in; a token counts alone where there is one.
    credentials: 'same-origin',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await problemOf(answer));
}

async function problemOf(answer: Response): Promise<Problem | undefined> {
  if (!(answer.headers.get('content-type') ?? '').startsWith('application/problem+json')) return undefined;
  return (await answer.json()) as Problem;
}

/** In words, for a person. */
export function whyOf(error: unknown): string {
  if (error instanceof Refused) return error.problem?.detail ?? error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'It did not answer in time.';
  return 'Nobody answers at this address.';
}

/** The same with what to do about it. */
export function adviceOf(error: unknown): string {
  return error instanceof Refused && error.problem !== undefined
    ? `${error.problem.title}. ${error.problem.doThis}`
    : whyOf(error);
}

/** A new one for each command that is meant. `randomUUID` is not there over plain HTTP. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
