import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { FailureLimits, networkOf, type FailureRate } from '../kernel/failure-limits.ts';
import { TealError } from '../kernel/errors.ts';
import { refusedOrigin } from './origin.ts';
import type { Caller, Role, TokenFile } from './tokens.ts';

/** What a caller wants to be done: set by a route as soon as it knows, before anything is judged. */
export interface WantedCall {
  /** Of a set that is small: what a client makes up is not in it. */
  readonly call: string;
  /** The roles that it takes, as text. */
  readonly role: string;
  /** That it was let in is written with what it does. */
  readonly recorded: boolean;
}

export interface ApiEnvironment {
  Bindings: Partial<HttpBindings>;
  /** `wanted`: of a call that is to change something, once it is known what. */
  Variables: { caller: Caller; wanted?: WantedCall };
}
type Handler = MiddlewareHandler<ApiEnvironment>;

/** Requests of one address that fail for their token. */
const refusals: FailureRate = { burst: 20, everyMs: 2_000 };

/** On every answer, also on a refusal: nothing of this may be framed, guessed at, kept, or run as a page. */
export const strict = Object.freeze({
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
});

export function strictHeaders(tls: boolean): Handler {
  return async (context, next) => {
    await next();
    const { headers } = context.res;
    // The console's page and its assets say themselves what they may do, and how long they are kept.
    for (const [name, value] of Object.entries(strict)) if (!headers.has(name)) headers.set(name, value);
    if (tls) headers.set('Strict-Transport-Security', 'max-age=31536000');
  };
}

/** See `refusedOrigin`. TEAL-SERVER-006. */
export function sameOrigin(names: ReadonlySet<string>): Handler {
  return async (context, next) => {
    const { req } = context;
    const said = {
      host: req.header('host'),
      origin: req.header('origin'),
      fetchSite: req.header('sec-fetch-site'),
      place: URL.parse(req.url)?.host,
    };
    const why = refusedOrigin(said, names);
    if (why !== undefined) throw new TealError('TEAL-SERVER-006', why);
    await next();
  };
}

export interface KnownCallers {
  readonly tokens: TokenFile;
  /** There were tokens when the API started, or it can be reached from elsewhere: an empty file lets nobody in. */
  readonly required: boolean;
  readonly limits?: FailureLimits;
}

/**
 * Who asks, by `Authorization: Bearer` alone: no cookie that a browser would add by itself. Where there are no tokens and none are required, everybody may view. A valid
 * token is let in whatever else came from its address: guessing 256 bits is hopeless, so that a limit protects the log and the disk, and must not lock out whoever has to
 * act. TEAL-SERVER-004, -007.
 */
export function knownCaller({ tokens, required, limits = new FailureLimits() }: KnownCallers): Handler {
  return async (context, next) => {
    const said = context.req.header('authorization');
    if (said === undefined && !required && tokens.isEmpty) {
      context.set('caller', { name: 'anybody on this machine', roles: ['view'] });
      await next();
      return;
    }
    const [, token] = /^Bearer +([\w.~+/=-]+) *$/i.exec(said ?? '') ?? [];
    const caller = token === undefined ? undefined : tokens.callerOf(token);
    if (caller === undefined) {
      const network = networkOf(context.env?.incoming?.socket?.remoteAddress ?? 'unknown');
      if (limits.isExhausted(network, refusals)) throw new TealError('TEAL-SERVER-007', 'more than are answered');
      limits.count(network, refusals);
      throw new TealError('TEAL-SERVER-004', said === undefined ? 'no token' : 'not a token of this file');
    }
    context.set('caller', caller);
    await next();
  };
}

/** One of them will do. TEAL-SERVER-005. */
export function requireOneOf(caller: Caller, roles: readonly Role[]): void {
  if (roles.some((role) => caller.roles.includes(role))) return;
  const wanted = roles.join(' or ');
  throw new TealError('TEAL-SERVER-005', `${caller.name} has not the role ${wanted}`, { name: caller.name, wanted });
}

/** TEAL-SERVER-005. */
export function requireRole(caller: Caller, role: Role): void {
  if (role === 'view' || caller.roles.includes(role)) return;
  throw new TealError('TEAL-SERVER-005', `${caller.name} has not the role ${role}`, { name: caller.name, role });
}
