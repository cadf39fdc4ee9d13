import { z } from 'zod';
import { sleep } from '../../kernel/clock.ts';
import { describeError, TealError } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';
import { tealVersion } from '../../kernel/version.ts';

export interface ConnectRestOptions {
  /** Of a worker, or of several that are asked in turn: http: or https:, with user and password where they ask for one. */
  readonly url: string | readonly string[];
  /** Default: Node's own. */
  readonly fetch?: typeof fetch;
  /** For one answer; default 30 000. */
  readonly timeoutMs?: number;
  /** How often a request is put at most; default 8, with pauses that grow to 5 s. */
  readonly attempts?: number;
}

/** Every value is text, as Connect wants it. */
export type ConnectorConfig = Readonly<Record<string, string>>;

const state = z.enum(['UNASSIGNED', 'RUNNING', 'PAUSED', 'FAILED', 'RESTARTING', 'STOPPED', 'DESTROYED']);
export type ConnectorState = z.infer<typeof state>;

const part = { state, worker_id: z.string(), trace: z.string().exactOptional() };
const statusShape = z.object({
  connector: z.object(part),
  tasks: z.array(z.object({ ...part, id: z.int() })).readonly(),
});
/** `trace` may hold values of rows: see `causesOf`. */
export type ConnectorStatus = Readonly<z.infer<typeof statusShape>>;

const offsetsShape = z.object({
  offsets: z
    .array(
      z.object({
        partition: z.record(z.string(), z.unknown()),
        /** Null where it is not known any more. */
        offset: z.record(z.string(), z.unknown()).nullable(),
      }),
    )
    .readonly(),
});
export type ConnectorOffsets = z.infer<typeof offsetsShape>['offsets'];

const validationShape = z.object({
  error_count: z.int(),
  // A setting of another mode of the connector than the one that is asked about has no value: of Oracle's there is one.
  configs: z.array(z.object({ value: z.object({ name: z.string(), errors: z.array(z.string()) }).nullable() })),
});
export interface ConfigMistake {
  /** Of the setting. */
  readonly setting: string;
  readonly errors: readonly string[];
}

const pluginsShape = z.array(z.object({ class: z.string(), type: z.string(), version: z.string().exactOptional() }));
export type ConnectPlugin = Readonly<z.infer<typeof pluginsShape>[number]>;

interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** A status beside 2xx that is an answer, not an error. */
  readonly absent?: 404;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const firstPauseMs = 250;
const longestPauseMs = 5_000;

/**
 * The REST API of a Kafka Connect cluster (Apache Kafka manual, "Kafka Connect", REST API). Each request may be repeated, and is, a limited number of times, while the cluster gives its tasks out anew
 * (409), a worker is away or does not answer in time. Errors: TEAL-CARRIERS-010 nobody answers, -011 a configuration is refused, -012 another refusal, -013 the connector is not there.
 */
export class ConnectRest {
  readonly #workers: readonly { readonly base: string; readonly authorization: string | undefined }[];
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #attempts: number;

  constructor({ url, fetch: given = fetch, timeoutMs = 30_000, attempts = 8 }: ConnectRestOptions) {
    this.#workers = [url].flat().map(workerOf);
    this.#fetch = given;
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
  }

  /** What is wrong with a configuration by the word of its own plugin (the connector's class, whole or short); empty when nothing is. */
  async validate(plugin: string, config: ConnectorConfig, signal?: AbortSignal): Promise<readonly ConfigMistake[]> {
    const path = `/connector-plugins/${encodeURIComponent(plugin)}/config/validate`;
    const { configs } = await this.#ask({ method: 'PUT', path, body: config }, validationShape, signal);
    return configs.flatMap(({ value }) =>
      value === null || value.errors.length === 0 ? [] : [{ setting: value.name, errors: value.errors }],
    );
  }

  /** Makes the connector, or gives it this configuration. */
  async put(name: string, config: ConnectorConfig, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'PUT', path: `${pathOf(name)}/config`, body: config }, signal);
  }

  /** Names of all that are there, whoever made them. */
  async names(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#ask({ method: 'GET', path: '/connectors' }, z.array(z.string()), signal);
  }

  /** Undefined where there is no such connector, or none yet. */
  async status(name: string, signal?: AbortSignal): Promise<ConnectorStatus | undefined> {
    return this.#askIfThere({ method: 'GET', path: `${pathOf(name)}/status`, absent: 404 }, statusShape, signal);
  }

  /** Its tasks end, and its offsets may be changed; resolves when that was taken down, which is before it has happened. */
  async stop(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'PUT', path: `${pathOf(name)}/stop` }, signal);
  }

  /** Its tasks stay where they are and do nothing; resolves when that was taken down. */
  async pause(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'PUT', path: `${pathOf(name)}/pause` }, signal);
  }

  async resume(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'PUT', path: `${pathOf(name)}/resume` }, signal);
  }

  /** The connector and its tasks; with `onlyFailed` those of them that have failed. */
  async restart(name: string, { onlyFailed }: { readonly onlyFailed: boolean }, signal?: AbortSignal): Promise<void> {
    const path = `${pathOf(name)}/restart?includeTasks=true&onlyFailed=${onlyFailed}`;
    await this.#send({ method: 'POST', path }, signal);
  }

  /** Where it is in what it reads: of a source in its system, of a sink in its topics. Empty where there is no such connector. */
  async offsets(name: string, signal?: AbortSignal): Promise<ConnectorOffsets> {
    const request: Request = { method: 'GET', path: `${pathOf(name)}/offsets`, absent: 404 };
    return (await this.#askIfThere(request, offsetsShape, signal))?.offsets ?? [];
  }

  /** Of a stopped connector. */
  async patchOffsets(name: string, offsets: ConnectorOffsets, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'PATCH', path: `${pathOf(name)}/offsets`, body: { offsets } }, signal);
  }

  /** With it its tasks end. Idempotent. Its offsets stay: a new one of the same name goes on from there. */
  async delete(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send({ method: 'DELETE', path: pathOf(name), absent: 404 }, signal);
  }

  /** What can be deployed on this cluster. */
  async plugins(signal?: AbortSignal): Promise<readonly ConnectPlugin[]> {
    return this.#ask({ method: 'GET', path: '/connector-plugins' }, pluginsShape, signal);
  }

  /** Topics that a connector has written to or read from. */
  async topics(name: string, signal?: AbortSignal): Promise<readonly string[]> {
    const shape = z.record(z.string(), z.object({ topics: z.array(z.string()) }));
    const request: Request = { method: 'GET', path: `${pathOf(name)}/topics`, absent: 404 };
    return (await this.#askIfThere(request, shape, signal))?.[name]?.topics ?? [];
  }

  async #ask<T>(request: Request, shape: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    return read(request, await this.#send(request, signal), shape);
  }

  async #askIfThere<T>(request: Request, shape: z.ZodType<T>, signal?: AbortSignal): Promise<T | undefined> {
    const answer = await this.#send(request, signal);
    return answer.status === request.absent ? undefined : read(request, answer, shape);
  }

  async #send(request: Request, signal: AbortSignal | undefined): Promise<Answer> {
    let last: TealError | undefined;
    for (let attempt = 0; attempt < this.#attempts; attempt += 1) {
      if (attempt > 0) await sleep(Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)), signal);
      try {
        return judge(request, await this.#sendOnce(request, attempt, signal));
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof TealError) || error.entry.retry !== 'auto') throw error;
        last = error;
      }
    }
    throw last ?? new TealError('TEAL-CARRIERS-010', 'no address of a worker is given');
  }

  async #sendOnce(request: Request, attempt: number, signal: AbortSignal | undefined): Promise<Answer> {
    const worker = this.#workers[attempt % this.#workers.length];
    if (worker === undefined) throw new TealError('TEAL-CARRIERS-012', 'no address of a worker is given');
    const limit = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await this.#fetch(`${worker.base}${request.path}`, {
        method: request.method,
        headers: headersOf(worker.authorization),
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        redirect: 'error',
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const why = limit.aborted ? `no answer within ${this.#timeoutMs} ms` : describeError(error);
      throw new TealError('TEAL-CARRIERS-010', `${worker.base}: ${why}`, { worker: worker.base });
    }
  }
}

/**
 * Why a task has failed, from its trace: the classes of the errors, outermost first. Not what they say: a sink quotes the row that it could not write.
 */
export function causesOf(trace: string): readonly string[] {
  return trace.split('\n').flatMap((line) => {
    const found = /^(?:Caused by: )?([A-Za-z_$][\w$]*(?:\.[\w$]+)+)(?::|\s*$)/.exec(line);
    return found?.[1] === undefined ? [] : [found[1]];
  });
}

function workerOf(url: string): { readonly base: string; readonly authorization: string | undefined } {
  const { protocol, host, pathname, username, password } = new URL(url);
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    base: `${protocol}//${host}${pathname.replace(/\/$/, '')}`,
    authorization: username === '' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  };
}

function headersOf(authorization: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': `teal/${tealVersion}`,
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function pathOf(name: string): string {
  return `/connectors/${encodeURIComponent(name)}`;
}

/** A rebalance, and a leader that could not be reached, pass; what else is no success is for a person. */
function judge(request: Request, answer: Answer): Answer {
  const { status, text } = answer;
  if ((status >= 200 && status < 300) || status === request.absent) return answer;
  const place = { request: `${request.method} ${request.path}`, status };
  if (status === 409 || status >= 502 || isPassing(status, text))
    throw new TealError('TEAL-CARRIERS-010', `it answers ${status} for now`, place);
  if (status === 404) throw new TealError('TEAL-CARRIERS-013', `${place.request} finds nothing`, place);
  if (status === 400 && request.path.endsWith('/config'))
    throw new TealError('TEAL-CARRIERS-011', messageOf(text), place);
  throw new TealError('TEAL-CARRIERS-012', `status ${status}: ${messageOf(text)}`, place);
}

/** "Request timed out", "Cannot complete request momentarily due to …": 500 of a worker that waits for its herder. */
function isPassing(status: number, text: string): boolean {
  return status === 500 && /timed out|momentarily|rebalance|not (?:the )?leader/i.test(text);
}

const longestMessage = 600;

function messageOf(text: string): string {
  const shape = z.object({ message: z.string() });
  const parsed = shape.safeParse(jsonOf(text));
  return redact(parsed.success ? parsed.data.message : 'without a word that can be read')
    .replaceAll(/\s+/g, ' ')
    .slice(0, longestMessage);
}

function read<T>(request: Request, { status, text }: Answer, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const place = { request: `${request.method} ${request.path}`, status };
  throw new TealError('TEAL-CARRIERS-012', 'its answer has another form than expected', place);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever asks looks at the form, which no JSON at all has not either.
    return undefined;
  }
}
