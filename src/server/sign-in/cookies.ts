import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { createHash } from 'node:crypto';
import type { ApiEnvironment } from '../environment.ts';
import { pendingMs } from './pending.ts';

type Asked = Context<ApiEnvironment>;

/**
 * The two cookies of a browser, which no script can read. Over TLS their names begin with `__Host-`: no other host and no plain connection can set them. A browser sends
 * cookies to every port of a host, so that the names tell one console from another on the same.
 */
export class Cookies {
  readonly #isSecure: boolean;
  readonly #mark: string;

  constructor(publicUrl: URL) {
    this.#isSecure = publicUrl.protocol === 'https:';
    this.#mark = createHash('sha256').update(publicUrl.href, 'utf8').digest('hex').slice(0, 8);
  }

  session(context: Asked): string | undefined {
    return this.#read(context, 'session');
  }

  /** Never sent with what another site begins. Gone with the browser, or when the session ends. */
  setSession(context: Asked, secret: string): void {
    this.#write(context, 'session', secret, { sameSite: 'Strict' });
  }

  dropSession(context: Asked): void {
    this.#write(context, 'session', '', { sameSite: 'Strict', maxAge: 0 });
  }

  pending(context: Asked): string | undefined {
    return this.#read(context, 'sign-in');
  }

  /** Sent with the one thing that another site does begin: the way back from the provider. */
  setPending(context: Asked, sealed: string): void {
    this.#write(context, 'sign-in', sealed, { sameSite: 'Lax', maxAge: pendingMs / 1_000 });
  }

  dropPending(context: Asked): void {
    this.#write(context, 'sign-in', '', { sameSite: 'Lax', maxAge: 0 });
  }

  #read(context: Asked, what: string): string | undefined {
    const name = `teal-${what}-${this.#mark}`;
    return this.#isSecure ? getCookie(context, name, 'host') : getCookie(context, name);
  }

  #write(
    context: Asked,
    what: string,
    value: string,
    rest: { readonly sameSite: 'Strict' | 'Lax'; readonly maxAge?: number },
  ): void {
    const common = { ...rest, path: '/', httpOnly: true, secure: this.#isSecure };
    setCookie(context, `teal-${what}-${this.#mark}`, value, this.#isSecure ? { ...common, prefix: 'host' } : common);
  }
}
