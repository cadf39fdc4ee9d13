import { createHash } from 'node:crypto';
import type { Role } from '../tokens.ts';
import type { RoleRule, SignInSettings } from './settings.ts';

/** What a provider says of a person, once it was verified. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Person {
  /** For the journal: `ada@example.org via login.example.org`. No token can have it: it has blanks. */
  readonly name: string;
  /** What the provider knows the person by, for ever. */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** What the provider said where the roles are looked for, for the log. */
  readonly said: readonly string[];
}

const nameLimit = 100;
const hostLimit = 80;
const saidLimit = 20;

/** The person of these claims, with the roles that the rules give: none where none names a value. Pure. */
export function personOf(claims: Claims, settings: SignInSettings): Person {
  const subject = String(claims['sub']);
  const said = valuesOf(roleClaimOf(claims, settings.rolesClaim));
  return {
    name: `${nameOf(claims, settings.nameClaim, subject)} via ${settings.issuer.host.slice(0, hostLimit)}`,
    subject,
    roles: rolesOf(said, settings.rules),
    said: said.slice(0, saidLimit).map((each) => each.slice(0, nameLimit)),
  };
}

/** A claim by its whole name (some are URLs), else by a path with dots, as `realm_access.roles`. An address that nobody has verified is not told. Pure. */
export function claimOf(claims: Claims, name: string): unknown {
  // Some write it as a text.
  if (name === 'email' && String(claims['email_verified']) === 'false') return undefined;
  if (Object.hasOwn(claims, name)) return claims[name];
  let found: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = Reflect.get(found, part);
  }
  return found;
}

/** An address gives a role only where the provider has verified it: elsewhere people may write there whose they like. */
function roleClaimOf(claims: Claims, name: string): unknown {
  if (name === 'email' && String(claims['email_verified']) !== 'true') return undefined;
  return claimOf(claims, name);
}

function valuesOf(claim: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((each) => typeof each === 'string');
}

function rolesOf(said: readonly string[], rules: readonly RoleRule[]): readonly Role[] {
  return [...new Set(rules.filter(({ value }) => said.includes(value)).map(({ role }) => role))];
}

/** One line without anything that a terminal or a log would take for more than a name; what is none, or too long for a name, is told by a sum of the subject. */
function nameOf(claims: Claims, claim: string, subject: string): string {
  const isName = (text: unknown): text is string =>
    typeof text === 'string' &&
    text.length <= nameLimit &&
    /^[\p{L}\p{N}._@+|:/'-]+(?: [\p{L}\p{N}._@+|:/'-]+)*$/u.test(text);
  const named = claimOf(claims, claim);
  if (isName(named) && !/ via /i.test(named)) return named;
  if (isName(subject) && !subject.includes(' ')) return subject;
  return createHash('sha256').update(subject, 'utf8').digest('hex').slice(0, 32);
}
