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
  /** Of each role of the database, the most first; undefined where the side does not answer. */
  readonly users: readonly { readonly user: string; readonly sessions: number }[] | undefined;
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
 * a cut, after the end, or where the router moves connections or drops them. PostgreSQL alone.
 */
export async function readStaleClients(
  spec: Spec,
  { live, phase, cuts }: Pick<Status, 'live' | 'phase' | 'cuts'>,
): Promise<StaleClients | undefined> {
  const isOver = (phase !== 'green' && phase !== 'back') || !cuts.some(({ end }) => end.startsWith('done'));
  const side = live === 'blue' ? 'green' : 'blue';
  if (isOver || !mayBeLate(spec) || familyOf(spec[side].system) !== 'postgres') return undefined;
  await using sides = askSides(spec);
  const late = (): TealError => new TealError('TEAL-KERNEL-002', `${side} does not answer`);
  try {
    const told = await within(patienceMs, late, async (signal) => sides.ask(side, sessionsByUser, signal));
    return { side, users: usersIn(told ?? '') };
  } catch (error) {
    if (!isTealError(error)) throw error;
    return { side, users: undefined };
  }
}

function mayBeLate(spec: Spec): boolean {
  const clients = routerToPlan(spec).switching?.clients;
  return clients === 'stale' || clients === 'writes fail';
}

function usersIn(told: string): NonNullable<StaleClients['users']> {
  return told.split('\n').flatMap((line) => {
    const [, sessions, user] = /^(\d+) (.*)$/.exec(line) ?? [];
    return sessions === undefined || user === undefined ? [] : [{ user, sessions: Number(sessions) }];
  });
}
