import { quoteIdent, quoteLiteral } from './quote.ts';

export interface Role {
  readonly name: string;
  readonly superuser: boolean;
  readonly inherit: boolean;
  readonly createRole: boolean;
  readonly createDb: boolean;
  readonly login: boolean;
  readonly replication: boolean;
  readonly bypassRls: boolean;
  readonly connectionLimit: number;
  readonly validUntil: string | null;
  /** The verifier that the server keeps; null when there is none, undefined when it may not be read. A secret: never printed. */
  readonly verifier: string | null | undefined;
}

export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly admin: boolean;
  /** Since 16; undefined before. */
  readonly inherit?: boolean;
  readonly set?: boolean;
}

/** `role` null: for every role of this database. `database` false: for the role in every database. */
export interface RoleSetting {
  readonly role: string | null;
  readonly database: boolean;
  readonly name: string;
  readonly value: string;
}

/** A right on the database itself; grantee null is PUBLIC. */
export interface DatabaseGrant {
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What the role of the address may give to others. */
export interface RoleGiver {
  readonly name: string;
  readonly superuser: boolean;
  readonly createDb: boolean;
  readonly replication: boolean;
  readonly bypassRls: boolean;
}

export interface RoleState {
  readonly major: number;
  readonly database: string;
  readonly databaseOwner: string;
  /** Who asks. */
  readonly giver: RoleGiver;
  /** Roles that own something in the database. */
  readonly owners: ReadonlySet<string>;
  readonly roles: readonly Role[];
  /** Names of all roles, the system's own too. */
  readonly names: ReadonlySet<string>;
  readonly memberships: readonly Membership[];
  readonly settings: readonly RoleSetting[];
  readonly grants: readonly DatabaseGrant[];
}

export interface RolesPlan {
  readonly create: readonly Role[];
  /** Of those, the ones that Teal must be a member of to make them owners: who creates a role without being a superuser is none by itself. */
  readonly join: readonly string[];
  /** Attributes that they get less than on the source, in words. */
  readonly lessened: readonly string[];
  /** Memberships, settings and grants, after the roles. */
  readonly statements: readonly string[];
  /** What is there and is otherwise than on the source, in words: Teal leaves it. */
  readonly findings: readonly string[];
}

/** Pure: what the target lacks. What it has is never changed, because somebody else made it. */
export function planRoles(source: RoleState, target: RoleState): RolesPlan {
  const missing = source.roles.filter((role) => !target.names.has(role.name));
  const create = missing.map((role) => givable(role, target));
  const less = [...lessened(missing, create)];
  const findings = [...less, ...differingRoles(source, target)];
  const names = new Set([...target.names, ...create.map((role) => role.name)]);
  const statements: string[] = [];
  const has = new Set(target.memberships.map(membershipKey));
  for (const membership of source.memberships) {
    if (has.has(membershipKey(membership))) continue;
    if (names.has(membership.role) && names.has(membership.member))
      statements.push(grantRole(membership, target.major));
    else findings.push(`role ${membership.role}, which ${membership.member} is a member of, is not on the target`);
  }
  const settings = new Map(target.settings.map((setting) => [settingKey(setting), setting.value]));
  for (const setting of source.settings) {
    const is = settings.get(settingKey(setting));
    // Of Teal's own role, before 15: how it applies is between it and its server.
    if (setting.name === 'session_replication_role') continue;
    if (is === undefined) statements.push(setSql(setting, target.database));
    else if (is !== setting.value) findings.push(`setting ${setting.name} of ${whose(setting)} differs`);
  }
  statements.push(...missingGrants(source, target, names));
  findings.push(...extraGrants(source, target));
  const join = target.giver.superuser ? [] : create.map(({ name }) => name).filter((name) => source.owners.has(name));
  return { create, join, lessened: less, statements, findings };
}

/** Nobody but a superuser gives what he has not; before 16 not even all of what he has (manual: CREATE ROLE). */
function givable(role: Role, { giver, major }: RoleState): Role {
  if (giver.superuser) return role;
  const has = major >= 16 ? giver : { createDb: true, replication: false, bypassRls: false };
  return {
    ...role,
    superuser: false,
    createDb: role.createDb && has.createDb,
    replication: role.replication && has.replication,
    bypassRls: role.bypassRls && has.bypassRls,
  };
}

function* lessened(wanted: readonly Role[], given: readonly Role[]): Generator<string> {
  for (const [index, role] of wanted.entries()) {
    const is = given[index];
    const lacks = (['superuser', 'createDb', 'replication', 'bypassRls'] as const).filter(
      (it) => role[it] && !is?.[it],
    );
    if (lacks.length > 0)
      yield `role ${role.name} is without ${lacks.join(', ').toLowerCase()}, which Teal's role may not give`;
  }
}

/** From 16 on the creator of a role has ADMIN on it and nothing else; before, CREATEROLE alone lets it join. */
export function joinSql(role: string, { giver, major }: RoleState): string {
  const suffix = major >= 16 ? ' with inherit true, set true' : '';
  return `grant ${quoteIdent(role)} to ${quoteIdent(giver.name)}${suffix}`;
}

function* differingRoles(source: RoleState, target: RoleState): Generator<string> {
  const there = new Map(target.roles.map((role) => [role.name, role]));
  for (const role of source.roles) {
    const is = there.get(role.name);
    if (is === undefined) continue;
    const attributes = attributesOf(role) === attributesOf(is) ? '' : 'other attributes';
    const isKnown = role.verifier !== undefined && is.verifier !== undefined;
    const password = isKnown && role.verifier !== is.verifier ? 'another password' : '';
    const what = [attributes, password].filter((text) => text !== '').join(' and ');
    if (what !== '') yield `role ${role.name} has ${what} on the target`;
  }
}

function attributesOf(role: Role): string {
  const words = [
    role.superuser ? 'superuser' : 'nosuperuser',
    role.inherit ? 'inherit' : 'noinherit',
    role.createRole ? 'createrole' : 'nocreaterole',
    role.createDb ? 'createdb' : 'nocreatedb',
    role.login ? 'login' : 'nologin',
    role.replication ? 'replication' : 'noreplication',
    role.bypassRls ? 'bypassrls' : 'nobypassrls',
    `connection limit ${role.connectionLimit}`,
  ];
  if (role.validUntil !== null) words.push(`valid until ${quoteLiteral(role.validUntil)}`);
  return words.join(' ');
}

/** Holds the verifier: never to be printed. The server takes one in place of a password and keeps it as it is. */
export function createRoleSql(role: Role): string {
  const password = typeof role.verifier === 'string' ? ` password ${quoteLiteral(role.verifier)}` : '';
  return `create role ${quoteIdent(role.name)} ${attributesOf(role)}${password}`;
}

function membershipKey(membership: Membership): string {
  return JSON.stringify([membership.role, membership.member]);
}

function grantRole(membership: Membership, targetMajor: number): string {
  const options = [`admin ${membership.admin}`];
  if (membership.inherit !== undefined) options.push(`inherit ${membership.inherit}`);
  if (membership.set !== undefined) options.push(`set ${membership.set}`);
  const old = membership.admin ? ' with admin option' : '';
  const suffix = targetMajor >= 16 ? ` with ${options.join(', ')}` : old;
  return `grant ${quoteIdent(membership.role)} to ${quoteIdent(membership.member)}${suffix}`;
}

function settingKey(setting: RoleSetting): string {
  return JSON.stringify([setting.role, setting.database, setting.name]);
}

function whose(setting: RoleSetting): string {
  return setting.role === null ? 'the database' : `role ${setting.role}`;
}

/** Settings whose value is a list of names that the server has quoted already: as one literal they would become a single name (pg_dump: dumputils.c). */
const quotedLists: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'temp_tablespaces',
]);

function setSql(setting: RoleSetting, database: string): string {
  const inDatabase = setting.database ? ` in database ${quoteIdent(database)}` : '';
  const subject =
    setting.role === null ? `database ${quoteIdent(database)}` : `role ${quoteIdent(setting.role)}${inDatabase}`;
  const name = setting.name.split('.').map(quoteIdent).join('.');
  if (!quotedLists.has(setting.name)) return `alter ${subject} set ${name} to ${quoteLiteral(setting.value)}`;
  // The value goes through a session's own setting, so that nobody has to take the list apart.
  return `select pg_catalog.set_config(${quoteLiteral(setting.name)}, ${quoteLiteral(setting.value)}, true); alter ${subject} set ${name} from current; select pg_catalog.set_config('search_path', 'pg_catalog', true)`;
}

function grantKey(grant: DatabaseGrant): string {
  return JSON.stringify([grant.grantee, grant.privilege]);
}

/** What it may do by being the owner it may not lose by being none on the target. */
function ownersGrants({ databaseOwner, roles }: RoleState): readonly DatabaseGrant[] {
  // The bootstrap superuser is no role of this list, and needs nothing.
  if (!roles.some(({ name, superuser }) => name === databaseOwner && !superuser)) return [];
  return ['create', 'connect', 'temporary'].map((privilege) => ({
    grantee: databaseOwner,
    privilege,
    grantable: false,
  }));
}

function missingGrants(source: RoleState, target: RoleState, names: ReadonlySet<string>): readonly string[] {
  const has = new Set(target.grants.map(grantKey));
  return [...ownersGrants(source), ...source.grants]
    .filter((grant) => !has.has(grantKey(grant)) && (grant.grantee === null || names.has(grant.grantee)))
    .filter((grant) => grant.grantee !== target.databaseOwner)
    .map((grant) => {
      const grantee = grant.grantee === null ? 'public' : quoteIdent(grant.grantee);
      return `grant ${grant.privilege} on database ${quoteIdent(target.database)} to ${grantee}${grant.grantable ? ' with grant option' : ''}`;
    });
}

/** More rights than on the source fail no query, but somebody may have meant them to be gone. */
function extraGrants(source: RoleState, target: RoleState): readonly string[] {
  const has = new Set(source.grants.map(grantKey));
  return target.grants
    .filter((grant) => !has.has(grantKey(grant)) && (grant.grantee === null || source.names.has(grant.grantee)))
    .map(
      (grant) =>
        `${grant.grantee ?? 'PUBLIC'} has ${grant.privilege} on the target's database, and not on the source's`,
    );
}
