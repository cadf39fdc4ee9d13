import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { getCACertificates } from 'node:tls';
import { describeError, TealError } from '../kernel/errors.ts';
import { nodeHttp, nodeHttps } from '../kernel/node-http.ts';
import { tealVersion } from '../kernel/version.ts';
import type { GateAnswer } from '../ports/gate.ts';

export interface HttpQuestion {
  /** http: or https:, without a user. */
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole answer, from the name's look-up to the last byte. */
  readonly timeoutMs: number;
  /** File of certificates that are trusted beside those of the system. */
  readonly ca?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const longestAnswerBytes = 1 << 20;

/**
 * Puts a question over a connection of its own and reads the whole answer. The server's certificate is verified whatever the environment says
 * (NODE_TLS_REJECT_UNAUTHORIZED), redirects are answers like others and not followed, proxies of the environment are not used. TEAL-GATES-001 when there is
 * no whole answer; it names host and port, never the path's query, a header or the body.
 */
export async function askHttp(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(question.timeoutMs)]);
  const url = new URL(question.url);
  try {
    const answer = await send(url, question, limit);
    return { status: answer.statusCode ?? 0, text: await wholeText(answer) };
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.aborted ? `no whole answer within ${question.timeoutMs} ms` : describeError(error);
    throw new TealError('TEAL-GATES-001', `${url.host}: ${why}`, { host: url.host });
  }
}

async function send(url: URL, question: HttpQuestion, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, body } = question;
  const headers = { 'user-agent': `teal/${tealVersion}`, accept: '*/*', ...question.headers };
  // A connection of its own: one that is kept may be dead, and would make a healthy server look silent.
  const options = { method, headers, signal, agent: false } as const;
  const request =
    url.protocol === 'https:'
      ? nodeHttps().request(url, { ...options, ca: await trusted(question.ca), rejectUnauthorized: true })
      : nodeHttp().request(url, options);
  const response = once(request, 'response', { signal });
  request.end(body);
  const [answer] = (await response) as [IncomingMessage];
  return answer;
}

async function trusted(file: string | undefined): Promise<string[]> {
  const known = getCACertificates('default');
  return file === undefined ? known : [...known, await readFile(file, 'utf8')];
}

async function wholeText(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop closes the connection.
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > longestAnswerBytes) throw new Error(`the answer is longer than ${longestAnswerBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The value of an answer that must be JSON. TEAL-GATES-002; the text is not repeated. */
export function jsonOf(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    throw new TealError('TEAL-GATES-002', `the answer (status ${answer.status}) is no JSON`, { status: answer.status });
  }
}

/** What a gate says whose question has no answer. Rethrows where it was stopped, and what is no error of its question. */
export function cannotTell(error: unknown, signal: AbortSignal): GateAnswer {
  signal.throwIfAborted();
  if (!(error instanceof TealError)) throw error;
  return { answer: 'cannot tell', evidence: describeError(error) };
}

/** Of a URL as people see it: without its query, which may hold a secret. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return pathname === '/' ? origin : `${origin}${pathname}`;
}
