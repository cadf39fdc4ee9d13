import type { HonoRequest, MiddlewareHandler } from 'hono';
import { TealError } from '../kernel/errors.ts';
import { networkOf, type FailureLimits } from '../kernel/failure-limits.ts';
import { refusals, type ApiEnvironment } from './environment.ts';
import { refusedOrigin } from './origin.ts';
import type { Session } from './sign-in/sessions.ts';
import type { SignIn } from './sign-in/sign-in.ts';
import type { Caller, Role, TokenFile } from './tokens.ts';

type Handler = MiddlewareHandler<ApiEnvironment>;

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
  /** There were tokens or a way to sign in when the API started, or it can be reached from elsewhere: an empty file lets nobody in. */
  readonly required: boolean;
  readonly limits: FailureLimits;
  /** Undefined where tokens alone let in. */
  readonly signIn: SignIn | undefined;
}

/**
 * Who asks: by `Authorization: Bearer`, which counts alone where it is given, or by the cookie of a session. Where there are no tokens and none are required, everybody may
 * view. What is valid is let in whatever else came from its address: guessing 256 bits is hopeless, so that a limit protects the log and the disk, and must not lock out
 * whoever has to act. TEAL-SERVER-004, -006, -007, -030.
 */
export function knownCaller({ tokens, required, limits, signIn }: KnownCallers): Handler {
  return async (context, next) => {
    const said = context.req.header('authorization');
    const secret = said === undefined ? signIn?.cookies.session(context) : undefined;
    const found =
      signIn !== undefined && secret !== undefined ? bySession(signIn, secret) : byToken({ tokens, required }, said);
    if ('refused' in found) {
      const network = networkOf(context.env?.incoming?.socket?.remoteAddress ?? 'unknown');
      if (limits.isExhausted(network, refusals)) throw new TealError('TEAL-SERVER-007', 'more than are answered');
      limits.count(network, refusals);
      throw found.refused;
    }
    if (found.session !== undefined) mustBeOfThePage(context.req);
    context.set('caller', found.caller);
    context.set('session', found.session);
    context.set('isLetIn', found.isLetIn);
    await next();
  };
}

type Found =
  | { readonly caller: Caller; readonly session?: Session; readonly isLetIn: () => boolean }
  | { readonly refused: TealError };

function bySession({ sessions }: SignIn, secret: string): Found {
  const session = sessions.use(secret);
  if (session === undefined) return { refused: new TealError('TEAL-SERVER-030', 'the session is over, or is none') };
  return { caller: session.caller, session, isLetIn: () => sessions.lives(secret) };
}

function byToken({ tokens, required }: Pick<KnownCallers, 'tokens' | 'required'>, said: string | undefined): Found {
  if (said === undefined && !required && tokens.isEmpty) {
    return { caller: { name: 'anybody on this machine', roles: ['view'] }, isLetIn: () => tokens.isEmpty };
  }
  const [, token = ''] = /^Bearer +([\w.~+/=-]+) *$/i.exec(said ?? '') ?? [];
  const caller = token === '' ? undefined : tokens.callerOf(token);
  if (caller === undefined) {
    return { refused: new TealError('TEAL-SERVER-004', said === undefined ? 'no token' : 'not a token of this file') };
  }
  return { caller, isLetIn: () => tokens.callerOf(token) !== undefined };
}

/**
 * A browser adds cookies by itself, so that whatever changes something must say that a page of this very site asks: every browser does. What it says was judged before
 * (`sameOrigin`). TEAL-SERVER-006.
 */
function mustBeOfThePage(request: HonoRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (request.header('origin') !== undefined || request.header('sec-fetch-site') === 'same-origin') return;
  throw new TealError('TEAL-SERVER-006', 'it does not say that a page of this site asks');
}

const alertsPath = /^\/api\/v1\/(?:migrations\/[^/]+\/)?alerts$/;

/** Whether this request tells of alerts. */
export function tellsOfAlerts({ method, path }: Pick<HonoRequest, 'method' | 'path'>): boolean {
  return method === 'POST' && alertsPath.test(path);
}

/** A token that lies in the configuration of a monitoring system reads nothing. TEAL-SERVER-005. */
export const alertsAlone: Handler = async (context, next) => {
  const { name, roles } = context.var.caller;
  if (roles.every((role) => role === 'alert') && !tellsOfAlerts(context.req)) {
    throw new TealError('TEAL-SERVER-005', `${name} may tell of alerts, and nothing else`, { name });
  }
  await next();
};

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
