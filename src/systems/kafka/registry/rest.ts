import { z } from 'zod';
import { sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import { redact } from '../../../kernel/redact.ts';
import { tealVersion } from '../../../kernel/version.ts';

export interface RegistryRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface RegistryAnswer {
  readonly status: number;
  /** Of the JSON in it; undefined where there is none. */
  readonly value: unknown;
}

export interface RegistryRestOptions {
  /** http: or https:, with user and password where it asks for them. */
  readonly url: string;
  /** For one answer; default 30 000. */
  readonly timeoutMs?: number;
  /** How often a request is put at most while the registry is away; default 5, with pauses that grow to 2 s. */
  readonly attempts?: number;
}

const longestMessage = 300;
const errorShape = z.object({ error_code: z.int(), message: z.string() });

/**
 * The REST API that Confluent's schema registry, Karapace and Redpanda have in common. Each request may be repeated. Errors: TEAL-SYSTEMS-680 it does not answer, -681 it refuses; its own `error_code` is
 * in the facts.
 */
export class RegistryRest {
  /** Without user and password. */
  readonly address: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;
  readonly #attempts: number;

  constructor({ url, timeoutMs = 30_000, attempts = 5 }: RegistryRestOptions) {
    const { protocol, host, pathname, username, password } = new URL(url);
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    this.address = `${protocol}//${host}${pathname.replace(/\/$/, '')}`;
    this.#authorization = username === '' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
  }

  async ask<T>(shape: z.ZodType<T>, request: RegistryRequest, signal: AbortSignal | undefined): Promise<T> {
    const found = await this.askIfThere(shape, request, signal);
    if (found === undefined) throw this.#refusal(request, 404, undefined);
    return found;
  }

  /** Undefined for 404. */
  async askIfThere<T>(
    shape: z.ZodType<T>,
    request: RegistryRequest,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const { status, value } = await this.#send(request, signal);
    if (status === 404) return undefined;
    if (status < 200 || status >= 300) throw this.#refusal(request, status, value);
    const parsed = shape.safeParse(value);
    if (!parsed.success) throw this.#refusal(request, status, undefined);
    return parsed.data;
  }

  async #send(request: RegistryRequest, signal: AbortSignal | undefined): Promise<RegistryAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#sendOnce(request, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt >= this.#attempts) throw error;
      }
      await sleep(Math.min(2_000, 100 * 2 ** attempt), signal);
    }
  }

  async #sendOnce({ method, path, body }: RegistryRequest, signal: AbortSignal | undefined): Promise<RegistryAnswer> {
    const limit = AbortSignal.timeout(this.#timeoutMs);
    let answer: { readonly status: number; readonly text: string };
    try {
      const response = await fetch(`${this.address}${path}`, {
        method,
        headers: {
          accept: 'application/vnd.schemaregistry.v1+json, application/json',
          'content-type': 'application/vnd.schemaregistry.v1+json',
          'user-agent': `teal/${tealVersion}`,
          ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        },
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        redirect: 'error',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      answer = { status: response.status, text: await response.text() };
    } catch (error) {
      throw this.#away(limit.aborted ? `no answer within ${this.#timeoutMs} ms` : describeError(error));
    }
    if (answer.status === 429 || answer.status >= 500) throw this.#away(`it answers ${answer.status}`);
    return { status: answer.status, value: jsonOf(answer.text) };
  }

  #away(why: string): TealError {
    return new TealError('TEAL-SYSTEMS-680', `${this.address}: ${why}`, { registry: this.address });
  }

  #refusal({ method, path }: RegistryRequest, status: number, value: unknown): TealError {
    const said = errorShape.safeParse(value).data;
    const why =
      said === undefined ? `answers ${status}, which cannot be read` : redact(said.message).slice(0, longestMessage);
    return new TealError('TEAL-SYSTEMS-681', `${this.address}: ${method} ${path}: ${why}`, {
      registry: this.address,
      status,
      errorCode: said?.error_code,
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever asks looks at the form.
    return undefined;
  }
}
