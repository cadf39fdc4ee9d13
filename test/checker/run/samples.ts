import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Client } from 'pg';
import type { Side } from '../../../src/model/catalog.ts';
import type { Bound, Sample } from '../../../src/testing/checker/invariants.ts';
import { nowUs } from './tables.ts';

const programs: Readonly<Record<string, string>> = {
  'proxy-main': 'proxy',
  'supervisor-main': 'supervisor',
  'holder-main': 'holder',
};

/** Processes of Teal that name the migration's folder in their arguments, by what they are; two snapshot holders have one name. Linux. */
export function processesOf(folder: string): readonly { readonly name: string; readonly pid: number }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      // What stands before the program is for Node.
      const [, ...words] = (readIfThere(`/proc/${entry}/cmdline`) ?? '').split('\0');
      const [program = '', ...args] = words.slice(
        Math.max(
          0,
          words.findIndex((word) => !word.startsWith('--')),
        ),
      );
      const isOurs = args.some((arg) => arg === folder || arg.includes(`${folder}/`));
      const name = nameOf(basename(program).replace(/\.[jt]s$/, ''), args);
      return isOurs && name !== undefined ? [{ name, pid: Number(entry) }] : [];
    });
}

function nameOf(program: string, args: readonly string[]): string | undefined {
  if (program !== 'carrier-main') return programs[program];
  const flow = /carrier-(forward|reverse)/.exec(args.join(' '))?.[1];
  return flow === undefined ? undefined : `worker ${flow}`;
}

/**
 * What each process has now: `proxy: resident, bytes`, and so on. Those of Teal that name the folder, and others by the names that the caller gives them. One that ends
 * meanwhile is left out. Linux.
 */
export function sampleProcesses(folder: string, others: Readonly<Record<string, number>> = {}): readonly Sample[] {
  const named = Object.entries(others).map(([name, pid]) => ({ name, pid }));
  return [...named, ...processesOf(folder)].flatMap(({ name, pid }) => {
    const atUs = nowUs();
    const status = readIfThere(`/proc/${pid}/status`) ?? '';
    const field = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const descriptors = descriptorsOf(pid);
    // A process that has ended and was not waited for has no memory.
    if (descriptors === undefined || Number.isNaN(field('VmRSS'))) return [];
    return [
      { atUs, what: `${name}: resident, bytes`, value: field('VmRSS') * 1024 },
      { atUs, what: `${name}: anonymous, bytes`, value: field('RssAnon') * 1024 },
      { atUs, what: `${name}: threads`, value: field('Threads') },
      { atUs, what: `${name}: descriptors`, value: descriptors.length },
      { atUs, what: `${name}: sockets`, value: descriptors.filter((each) => each.startsWith('socket:')).length },
    ];
  });
}

function descriptorsOf(pid: number): readonly string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch (error) {
        if (isAbsence(error)) return [];
        throw error;
      }
    });
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Files of the migration's state folder: the journal, logs, each flow's spool. */
export function sampleFolder(stateDir: string): readonly Sample[] {
  const atUs = nowUs();
  const sizes = { journal: 0, logs: 0, 'spool forward': 0, 'spool reverse': 0, 'all files': 0 };
  let files = 0;
  for (const entry of readdirSync(stateDir, { recursive: true, encoding: 'utf8' })) {
    const found = statSync(join(stateDir, entry), { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) continue;
    const size = found.size;
    files += 1;
    sizes['all files'] += size;
    if (entry.includes('carrier-forward/spool')) sizes['spool forward'] += size;
    else if (entry.includes('carrier-reverse/spool')) sizes['spool reverse'] += size;
    else if (entry.startsWith('journal')) sizes.journal += size;
    else if (/(^|[/.-])log$/.test(entry)) sizes.logs += size;
  }
  return [
    ...Object.entries(sizes).map(([name, value]) => ({ atUs, what: `state folder: ${name}, bytes`, value })),
    { atUs, what: 'state folder: files', value: files },
  ];
}

const serverSql = `
  select 'slots' as what, count(*)::float8 as value from pg_replication_slots
  union all select 'slots without a reader', count(*) from pg_replication_slots where not active
  union all select 'WAL retained, bytes', coalesce(max(pg_current_wal_lsn() - restart_lsn), 0) from pg_replication_slots
  union all select 'WAL retained by ' || slot_name || ', bytes', pg_current_wal_lsn() - restart_lsn
    from pg_replication_slots where not temporary and restart_lsn is not null
  union all select 'prepared transactions', count(*) from pg_prepared_xacts
  union all select 'oldest xmin of Teal, transactions', coalesce(max(age(backend_xmin)), 0) from pg_stat_activity where application_name ~ '^teal'
  union all select 'oldest transaction of Teal, seconds', coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)
    from pg_stat_activity where application_name ~ '^teal' and backend_type = 'client backend'
  union all select 'sessions of Teal', count(*) from pg_stat_activity where application_name ~ '^teal'
  union all select 'sessions of others', count(*) from pg_stat_activity where backend_type = 'client backend' and application_name !~ '^teal'
  union all select 'sessions named ' || application_name, count(*) from pg_stat_activity where application_name ~ '^teal' group by application_name`;

/** `blue: slots`, `green: WAL retained, bytes` and so on; the clients are kept by the caller, whose sessions count among the others'. */
export async function sampleServers(clients: Readonly<Record<Side, Client>>): Promise<readonly Sample[]> {
  const each = (['blue', 'green'] as const).map(async (side) => {
    const { rows } = await clients[side].query<{ what: string; value: number | string }>(serverSql);
    const atUs = nowUs();
    return rows.map(({ what, value }) => ({ atUs, what: `${side}: ${what}`, value: Number(value) }));
  });
  const samples = (await Promise.all(each)).flat();
  const others = samples.filter(({ what }) => what.endsWith(': sessions of others'));
  const value = others.reduce((sum, sample) => sum + sample.value, 0);
  return [...samples, { atUs: nowUs(), what: 'both: sessions of others', value }];
}

/** A series of sessions has no sample while there are none: those that were seen once count as 0 where they are missing. */
export function withAbsent(known: ReadonlySet<string>, samples: readonly Sample[]): readonly Sample[] {
  const there = new Set(samples.map(({ what }) => what));
  const missing = [...known].filter((what) => what.includes(': sessions named ') && !there.has(what));
  return [...samples, ...missing.map((what) => ({ atUs: nowUs(), what, value: 0 }))];
}

export interface Measure {
  /** From here on the run is steady: copied, every process warm. */
  readonly steadyFromUs: number;
  readonly untilUs: number;
  /** In the steady time. */
  readonly switches: number;
}

const MB = 2 ** 20;
/** Shorter than this the resident memory of a young process says nothing: it takes what V8 and the allocator like to have, in steps of 10 to 40 MB, within ten minutes. */
const telling = 10 * 60e6;

/**
 * What each series of Teal may come to, with the reason. Series of others (the load) are for people.
 *
 * - Resident memory takes steps of a semi-space or an arena at any time, in a plain Node program too: 48 MB of growth in the steady time are not told from that (a proxy
 *   that 20,000 connections came to and left: 78 MB anonymous after the first thousand, 121 MB after six, 124 MB after seventeen, 137 MB at the end, with nothing more alive), 512 MB in all are. What is
 *   alive after a collection, and what lies outside of the heap, does not: 3 MB. So over an hour a leak of 50 kB a switch is seen there. The controller keeps its journal's
 *   state, by design, which was measured at 20 kB a switch.
 * - Descriptors, sockets, threads, timers, sessions: one that is left behind by each switch is as many as there were switches; 0.7 of that, and 2, are allowed for the moment of the sample. Clients' sessions
 *   change sides: both sides' together count.
 * - WAL retained, spool: a slot keeps what was written since the last running transactions were noted (15 s, or a checkpoint) and what its flow has not confirmed, a spool its
 *   open segment. Both are a matter of the load and not of time: 192 MB.
 * - No transaction of Teal is open for longer than a comparison takes, and so none holds an xmin for longer: a minute, 100 000 transactions.
 * - Journal and logs grow by what a switch with its comparison tells, 90 kB measured: 200 kB a switch. A comparison leaves its certificate in two files.
 */
export function standardBounds(seen: ReadonlySet<string>, measure: Measure): readonly Bound[] {
  const { steadyFromUs, untilUs, switches } = measure;
  const steadyUs = Math.max(untilUs - steadyFromUs, 1);
  const growth = (what: string, most: number): Bound => ({
    what,
    steadyFromUs,
    perHourAtMost: most / (steadyUs / 3_600e6),
  });
  const boundOf = (what: string): Bound | undefined => {
    if (what.startsWith('load: ')) return undefined;
    if (/: (resident|anonymous), bytes$/.test(what))
      return { ...(steadyUs < telling ? { what } : growth(what, 48 * MB)), atMost: 512 * MB };
    if (/: (heap alive|outside of the heap), bytes$/.test(what)) return growth(what, 3 * MB);
    if (/: (descriptors|sockets|threads|timers)$|: sessions (of Teal|named .*)$|^both: /.test(what))
      return growth(what, Math.max(2, switches * 0.7));
    if (what.includes(': WAL retained')) return { what, atMost: 192 * MB };
    if (/^state folder: spool .*, bytes$/.test(what)) return { what, atMost: 192 * MB };
    if (/^state folder: (journal|logs), bytes$/.test(what)) return growth(what, 200_000 * (switches + 1));
    if (what === 'state folder: files') return growth(what, 3 * (switches + 1));
    if (what.endsWith(': slots')) return { what, atMost: 2 };
    if (what.endsWith(': prepared transactions')) return { what, atMost: 0 };
    if (what.endsWith(': oldest transaction of Teal, seconds')) return { what, atMost: 60 };
    if (what.endsWith(': oldest xmin of Teal, transactions')) return { what, atMost: 100_000 };
    return undefined;
  };
  return [...seen].map(boundOf).filter((bound) => bound !== undefined);
}

/** Of a run of a seed, which is too short for slopes: what is bounded at any time. Its clients may have prepared transactions. */
export function boundsOf(samples: readonly Sample[]): readonly Bound[] {
  const seen = new Set(samples.map(({ what }) => what));
  const measure = { steadyFromUs: 0, untilUs: 1, switches: 0 };
  return standardBounds(seen, measure).flatMap(({ what, atMost }) =>
    atMost === undefined || / (slots|prepared transactions)$/.test(what) ? [] : [{ what, atMost }],
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Ended, or not ours to look at (another user's process). */
function isAbsence(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES';
}
