import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { nodeHttp, nodeHttps } from '../../kernel/node-http.ts';
import type { KubeAccess } from './kubeconfig.ts';

/** What of an object of Kubernetes is looked at; everything else stays as it is. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    /** Changes with every write, whoever makes it. */
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly managedFields?: readonly { readonly manager?: string | undefined }[] | undefined;
  };
}

export interface KubeApiOptions {
  /** Asked again when its answer is old, or was not taken. */
  readonly access: () => Promise<KubeAccess>;
  /** For one question with all its attempts. */
  readonly timeoutMs: number;
}

const limitBytes = 8 << 20;
const pauseMs = 250;
/** Programs that tell who one is take their time; their tokens last for a quarter of an hour and more. */
const accessMs = 60_000;
/** Nobody can say whether it was heard. */
const askAgain: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
const conflict = 409;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A thin client of an API server. Errors: TEAL-TRAFFIC-060, with `status` where it has answered; TEAL-TRAFFIC-062. */
export class KubeApi {
  readonly #options: KubeApiOptions;
  #access: { readonly value: KubeAccess; readonly untilMs: number } | undefined;

  constructor(options: KubeApiOptions) {
    this.#options = options;
  }

  /** Of the context, where the file of the migration names none. */
  async namespace(): Promise<string> {
    return (await this.#known()).namespace ?? 'default';
  }

  async get(path: string): Promise<unknown> {
    return (await this.#ask('GET', path)).body;
  }

  /**
   * A merge patch (RFC 7386) of the object as it was read, by its resourceVersion. Undefined where somebody else has written it since: it was not changed then. May be sent twice: the second has an old
   * version. `dryRun`: nothing is changed, and all is checked.
   */
  async patch(path: string, seen: KubeObject, change: object, dryRun = false): Promise<unknown> {
    const { resourceVersion } = seen.metadata;
    const query = `?fieldManager=teal${dryRun ? '&dryRun=All' : ''}`;
    const { status, body } = await this.#ask('PATCH', `${path}${query}`, { metadata: { resourceVersion }, ...change });
    return status === conflict ? undefined : body;
  }

  async #known(): Promise<KubeAccess> {
    if (this.#access === undefined || this.#access.untilMs < monotonicMs()) {
      this.#access = { value: await this.#options.access(), untilMs: monotonicMs() + accessMs };
    }
    return this.#access.value;
  }

  async #ask(method: string, path: string, body?: object): Promise<Answer> {
    const deadline = monotonicMs() + this.#options.timeoutMs;
    let renewed = false;
    let why = 'there was no answer in its time';
    for (;;) {
      const access = await this.#known();
      const told = await attempt(access, method, path, body, Math.max(1, deadline - monotonicMs()));
      if ('status' in told) {
        const { status } = told;
        if (status < 300 || (status === conflict && method === 'PATCH')) return told;
        if (status === 401 && !renewed) {
          renewed = true;
          this.#access = undefined;
          continue;
        }
        if (!askAgain.has(status)) throw refused(access, method, path, told);
      }
      // One that the end of the time has cut off says nothing; what was heard before it does.
      if ('why' in told) why = told.why ?? why;
      const isFinal = 'why' in told && told.isFinal;
      if (isFinal || monotonicMs() + pauseMs >= deadline) {
        throw 'status' in told ? refused(access, method, path, told) : failed(access, method, path, why);
      }
      await sleep(pauseMs);
    }
  }
}

/** Whether the server says that there is no such thing. */
export function isAbsent(error: unknown): boolean {
  return isTealError(error, 'TEAL-TRAFFIC-060') && error.facts['status'] === 404;
}

function refused(access: KubeAccess, method: string, path: string, { status, body }: Answer): TealError {
  // A `Status` of the API: it names the object and who was refused, never what they have.
  const message = typeof body === 'object' && body !== null ? Reflect.get(body, 'message') : undefined;
  const why = typeof message === 'string' ? `: ${message.slice(0, 500)}` : '';
  return failed(access, method, path, `it answered ${status}${why}`, status);
}

function failed({ server }: KubeAccess, method: string, path: string, why: string, status?: number): TealError {
  const [asked = ''] = path.split('?');
  const facts = status === undefined ? {} : { status };
  return new TealError('TEAL-TRAFFIC-060', `${method} ${asked} at ${server.host}: ${why}`, facts);
}

interface Silence {
  /** Undefined where the end of its time has cut it off. */
  readonly why: string | undefined;
  /** It would be the same again. */
  readonly isFinal: boolean;
}

/** Codes of Node, and of OpenSSL, for a server that does not prove who it is. */
const unproven = /CERT|SIGNATURE/;

async function attempt(
  access: KubeAccess,
  method: string,
  path: string,
  body: object | undefined,
  leftMs: number,
): Promise<Answer | Silence> {
  const late = AbortSignal.timeout(Math.ceil(leftMs));
  const { server, ca, servername, isUnproven, token, certificate } = access;
  const options: RequestOptions = {
    method,
    agent: false,
    signal: late,
    headers: {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/merge-patch+json' }),
    },
    ...(ca === undefined ? {} : { ca }),
    ...(servername === undefined ? {} : { servername }),
    ...(isUnproven === true ? { rejectUnauthorized: false } : {}),
    ...certificate,
  };
  const url = new URL(`${server.pathname.replace(/\/$/, '')}${path}`, server);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = url.protocol === 'https:' ? nodeHttps().request(url, options) : nodeHttp().request(url, options);
      request.once('response', resolve).once('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return { status: response.statusCode ?? 0, body: await bodyOf(response) };
  } catch (error) {
    if (late.aborted) return { why: undefined, isFinal: false };
    const code = String(error instanceof Error ? Reflect.get(error, 'code') : '');
    return { why: error instanceof Error ? error.message : String(error), isFinal: unproven.test(code) };
  }
}

/** What is no JSON is nothing that an API server says: the status is all there is then. */
async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limitBytes) throw new Error(`it answers more than ${limitBytes} bytes`);
  }
  const told = Buffer.concat(chunks).toString('utf8');
  try {
    return JSON.parse(told);
  } catch {
    return undefined;
  }
}
