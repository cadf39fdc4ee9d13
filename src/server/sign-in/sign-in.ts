import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { describeError, TealError } from '../../kernel/errors.ts';
import { networkOf, type FailureLimits } from '../../kernel/failure-limits.ts';
import { redact } from '../../kernel/redact.ts';
import { refusals, type ApiEnvironment } from '../environment.ts';
import { refusedOrigin } from '../origin.ts';
import { problemOf } from '../problems.ts';
import { Cookies } from './cookies.ts';
import { PendingSeal } from './pending.ts';
import { Provider } from './provider.ts';
import { refusalPage, refusalPolicy } from './refusal-page.ts';
import { sessionLimits, Sessions } from './sessions.ts';
import type { SignInSettings } from './settings.ts';

type Log = (event: string, facts: Readonly<Record<string, unknown>>) => void;
type Asked = Context<ApiEnvironment>;

/** Where a provider sends browsers back to, behind the address of the console. */
export const callbackPath = 'auth/callback';
const beginPath = 'auth/sign-in';

/** Signing in by a provider: what it takes for as long as the API runs. */
export class SignIn {
  readonly settings: SignInSettings;
  readonly provider: Provider;
  readonly sessions: Sessions;
  readonly cookies: Cookies;
  readonly seal = new PendingSeal();

  constructor(settings: SignInSettings) {
    this.settings = settings;
    this.provider = new Provider(settings, new URL(callbackPath, settings.publicUrl));
    this.sessions = new Sessions({ ...sessionLimits, lastsMs: settings.sessionMs });
    this.cookies = new Cookies(settings.publicUrl);
  }
}

export interface SignInRoutes {
  readonly signIn: SignIn;
  readonly names: ReadonlySet<string>;
  readonly limits: FailureLimits;
  readonly log: Log;
}

/**
 * The way back from the provider. Another site begins it, so that it cannot be asked for its origin: it does nothing but with what lies sealed in this very browser.
 * Errors are told as a page: TEAL-SERVER-006, -007, and those of `Provider.end`, -035 where the person has no role.
 */
export function callbackRoute(app: OpenAPIHono<ApiEnvironment>, { signIn, names, limits, log }: SignInRoutes): void {
  const { provider, sessions, cookies, seal, settings } = signIn;
  app.get(`/${callbackPath}`, async (context) => {
    // Not those that fail for their tokens: a program with an old one must not lock out who signs in from there.
    const network = `sign-in ${networkOf(context.env?.incoming?.socket?.remoteAddress ?? 'unknown')}`;
    try {
      if (limits.isExhausted(network, refusals)) throw new TealError('TEAL-SERVER-007', 'more than are answered');
      mustBeNavigation(context, names);
      const pending = seal.open(cookies.pending(context) ?? '');
      cookies.dropPending(context);
      if (pending === undefined) throw new TealError('TEAL-SERVER-033', 'this browser has begun none, or long ago');
      const said = new URL(context.req.url).searchParams;
      const person = await provider.end(said, pending, context.req.raw.signal);
      const { name, subject, roles } = person;
      if (roles.length === 0) {
        throw new TealError(
          'TEAL-SERVER-035',
          `${name} (${subject}) is known as: ${person.said.join(', ') || 'nothing'}`,
        );
      }
      // One browser has one session: the one before it would be left open with nobody to end it.
      sessions.end(cookies.session(context) ?? '');
      const { secret } = sessions.begin({ name, roles }, subject);
      cookies.setSession(context, secret);
      log('signed in', { by: name, subject, roles });
      return context.redirect(settings.publicUrl.pathname, 303);
    } catch (error) {
      limits.count(network, refusals);
      return refuse(context, error, settings, log);
    }
  });
}

/** Where a browser begins: it is sent to the provider. Only from a page of this site, or by hand. Errors are told as a page: TEAL-SERVER-031. */
export function beginRoute(app: OpenAPIHono<ApiEnvironment>, { signIn, log }: SignInRoutes): void {
  const { provider, cookies, seal, settings } = signIn;
  app.get(`/${beginPath}`, async (context) => {
    try {
      const { url, pending } = await provider.begin(context.req.raw.signal);
      cookies.setPending(context, seal.close(pending));
      return context.redirect(url.href, 303);
    } catch (error) {
      return refuse(context, error, settings, log);
    }
  });
}

/** A host that is ours, and a browser that goes there as a whole: no frame, no image, no script. TEAL-SERVER-006. */
function mustBeNavigation({ req }: Asked, names: ReadonlySet<string>): void {
  const why = refusedOrigin({ host: req.header('host'), origin: undefined, fetchSite: undefined }, names);
  if (why !== undefined) throw new TealError('TEAL-SERVER-006', why);
  const destination = req.header('sec-fetch-dest');
  if (destination !== undefined && destination !== 'document') {
    throw new TealError('TEAL-SERVER-006', `it was asked for as ${destination.slice(0, 20)}`);
  }
}

function refuse(context: Asked, error: unknown, { publicUrl }: SignInSettings, log: Log): Response | Promise<Response> {
  const problem = problemOf(error);
  const { instance, code, status } = problem;
  log('not signed in', { instance, code, because: redact(describeError(error)) });
  context.header('Content-Security-Policy', refusalPolicy);
  return context.html(refusalPage(problem, publicUrl.pathname), status as 400);
}
