import { isIP } from 'node:net';
import { TealError } from '../../kernel/errors.ts';
import { isLoopback } from '../listen.ts';
import { roles, type Role } from '../tokens.ts';

/** How people sign in by a provider of OpenID Connect, as it is asked for. */
export interface SignInOptions {
  /** As the provider writes it in `iss`. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent: a public client, which PKCE alone protects. */
  readonly clientSecret?: string | undefined;
  /** `cut=dba-leads`: whoever has this value in the claim has this role. Nobody has a role that is not here. */
  readonly roles: readonly string[];
  /** Where the values are: a claim, or the path to one with dots. Default `groups`. */
  readonly rolesClaim?: string | undefined;
  /** What stands in the journal for the person. Default `email`; where the token has none, `sub`. */
  readonly nameClaim?: string | undefined;
  /** Default `openid profile email`. */
  readonly scope?: string | undefined;
  /** How long nobody is asked again. Default 8 hours. */
  readonly sessionMs?: number | undefined;
}

export interface RoleRule {
  readonly role: Role;
  readonly value: string;
}

/** The same, judged, with every default. */
export interface SignInSettings {
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly rules: readonly RoleRule[];
  readonly rolesClaim: string;
  readonly nameClaim: string;
  readonly scope: string;
  readonly sessionMs: number;
  /** Where browsers find the console; ends with a slash. */
  readonly publicUrl: URL;
}

const sessionDefaultMs = 8 * 3_600_000;
/** Longer than any shift: who was let go must not come in by a browser that was left open. */
const sessionLimitMs = 7 * 24 * 3_600_000;

/**
 * What is asked for, judged before anything listens. Cookies and codes pass between browser and API, so that they must be on TLS or on this very machine. Pure. Errors:
 * TEAL-SERVER-036.
 */
export function signInSettings(asked: SignInOptions, publicUrl: string): SignInSettings {
  const { clientId, clientSecret, rolesClaim = 'groups', nameClaim = 'email', scope = 'openid profile email' } = asked;
  const { sessionMs = sessionDefaultMs } = asked;
  if (clientId === '') throw mistake('the client has no id (--oidc-client-id)');
  if (asked.roles.length === 0) throw mistake('nobody would have a role: give --oidc-role, as in cut=dba-leads');
  if (!scope.split(' ').includes('openid')) throw mistake('the scope has no `openid` (--oidc-scope)');
  if (sessionMs < 60_000 || sessionMs > sessionLimitMs) throw mistake('a session lasts from 1m to 7d (--oidc-session)');
  if (clientSecret === '') throw mistake('the secret of the client is empty');
  return {
    issuer: urlOf(asked.issuer, 'the issuer'),
    clientId,
    clientSecret,
    rules: asked.roles.map(ruleOf),
    rolesClaim,
    nameClaim,
    scope,
    sessionMs,
    publicUrl: withSlash(urlOf(publicUrl, 'the address of the console')),
  };
}

/** Who tells of alerts is a program, and has a token. */
const rolesOfPeople = roles.filter((role) => role !== 'alert');

function ruleOf(text: string): RoleRule {
  const [, said, value] = /^(\w+)=(.+)$/s.exec(text) ?? [];
  const role = rolesOfPeople.find((each) => each === said);
  if (role === undefined || value === undefined) {
    throw mistake(`${text} is not a role (${rolesOfPeople.join(', ')}), = and a value, as in cut=dba-leads`);
  }
  return { role, value };
}

function urlOf(text: string, what: string): URL {
  if (text === '') throw mistake(`${what} is missing (--oidc-issuer)`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw mistake(`${what}, ${text}, is not a URL as https://login.example.org/ is`);
  }
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(host))) return url;
  throw mistake(
    `${what}, ${text}, is neither https nor on this machine${isIP(host) === 0 ? '' : ': others could read what passes'}`,
  );
}

function withSlash(url: URL): URL {
  return url.pathname.endsWith('/') ? url : new URL(`${url.href}/`);
}

function mistake(what: string): TealError {
  return new TealError('TEAL-SERVER-036', what);
}
