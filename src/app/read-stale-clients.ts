import { within } from '../kernel/clock.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { familyOf } from '../spec/families.ts';
import type { Spec } from '../spec/spec.ts';
import { askSides } from './ask-sides.ts';
import { routerToPlan } from './routers.ts';
import type { Status } from './status.ts';

/** Sessions on the side that has lost, of whoever is not Teal: what they read there is old, and the fence refuses what they write. */
export interface StaleClients {
  readonly side: Side;
  /** Of each role of the database, or each account of the server, the most first; undefined where nobody can tell. */
  readonly users: readonly UserSessions[] | undefined;
  /** Why nobody can: the side does not answer, or the account of Teal may not see the sessions of others. */
  readonly unseen?: 'silent' | 'forbidden';
}

interface UserSessions {
  readonly user: string;
  readonly sessions: number;
}

/** `teal status` is asked when a side may be gone. */
const patienceMs = 3_000;

/** Whose session it is everybody may see; what Teal opens says so in its name. */
const sessionsByUser = `
  select string_agg(sessions || ' ' || usename, E'\\n' order by sessions desc, usename)
  from (
    select usename, count(*) as sessions
    from pg_catalog.pg_stat_activity
    where datname = current_database() and coalesce(backend_type, 'client backend') = 'client backend'
      and usename is not null and application_name not like 'teal%'
    group by usename
  ) as users`;

/**
 * Who is on the side that has lost a cut, where clients find the other one by themselves (a name, a flag, no router) and so may come late, or never. Undefined where nobody can be: before
 * a cut, after the end, where the router moves connections or drops them, and of Kafka.
 */
export async function readStaleClients(
  spec: Spec,
  { live, phase, cuts }: Pick<Status, 'live' | 'phase' | 'cuts'>,
): Promise<StaleClients | undefined> {
  const isOver = (phase !== 'green' && phase !== 'back') || !cuts.some(({ end }) => end.startsWith('done'));
  const side = live === 'blue' ? 'green' : 'blue';
  const family = familyOf(spec[side].system);
  if (isOver || !mayBeLate(spec) || (family !== 'postgres' && family !== 'mysql')) return undefined;
  const late = (): TealError => new TealError('TEAL-KERNEL-002', `${side} does not answer`);
  const ask = family === 'postgres' ? askPostgres : askMysql;
  try {
    return { side, users: await within(patienceMs, late, async (signal) => ask(spec, side, signal)) };
  } catch (error) {
    if (!isTealError(error)) throw error;
    return { side, users: undefined, unseen: error.code === 'TEAL-SYSTEMS-010' ? 'forbidden' : 'silent' };
  }
}

async function askPostgres(spec: Spec, side: Side, signal: AbortSignal): Promise<readonly UserSessions[]> {
  await using sides = askSides(spec);
  return usersIn((await sides.ask(side, sessionsByUser, signal)) ?? '');
}

/** The driver of MySQL is loaded where one is asked. */
async function askMysql(spec: Spec, side: Side, signal: AbortSignal): Promise<readonly UserSessions[]> {
  const { KeptSession } = await import('../systems/mysql/kept-session.ts');
  const { readClientSessions } = await import('../systems/mysql/client-sessions.ts');
  await using session = new KeptSession({ url: spec[side].url, applicationName: `teal ${spec.name}` });
  return await session.use(readClientSessions, signal);
}

function mayBeLate(spec: Spec): boolean {
  const clients = routerToPlan(spec).switching?.clients;
  return clients === 'stale' || clients === 'writes fail';
}

function usersIn(told: string): readonly UserSessions[] {
  return told.split('\n').flatMap((line) => {
    const [, sessions, user] = /^(\d+) (.*)$/.exec(line) ?? [];
    return sessions === undefined || user === undefined ? [] : [{ user, sessions: Number(sessions) }];
  });
}
