import type { Client } from 'pg';
import { must } from '../../../src/kernel/assert.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { OwnerState } from '../../../src/testing/checker/owner-state.ts';
import type { Schedule } from '../schedule.ts';

/** What each account begins with. */
export const opening = 1_000;

/**
 * The workload's tables, as `README.md` of the checker has them, and rows that nobody touches. `toast` may be NULL though nobody writes one: a value that is lost on its way must
 * get through to be seen.
 */
export function tablesSql({ sizes }: Schedule): string {
  return `
    create table lists (k int primary key, elements int[] not null default '{}');
    insert into lists (k) select n from generate_series(1, ${sizes.lists}) n;
    create table accounts (account int primary key, balance int not null);
    insert into accounts select n, ${opening} from generate_series(1, ${sizes.accounts}) n;
    create table claims (by int primary key, value int not null unique);
    create table ids (id bigint generated always as identity primary key, at timestamptz not null default now());
    create table rows (key int primary key, row int not null unique, version int not null, toast text);
    alter table rows alter column toast set storage external;
    create table graves (row int primary key, key int not null, version int not null);
    create table bag (v int not null);
    create table side (v int not null);
    create table ballast (id int primary key, filler text);
    insert into ballast select n, repeat('x', 100) from generate_series(1, ${sizes.ballast}) n;
    create index on ballast (filler, id)`;
}

/** The large value that a number stands for: read back by its first word. */
export function toastText(toast: number, bytes: number): string {
  return `${toast} ${'teal'.repeat(Math.ceil(bytes / 4))}`;
}

/** -1 for none, and for what nobody wrote. */
export function toastNumber(text: string): number {
  return /^\d+ (?:teal)+$/.test(text) ? Number.parseInt(text, 10) : -1;
}

export const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

/** All of the workload's tables in one snapshot. TRUNCATE shows through snapshots, so it has to wait until the table has been read. */
export async function readOwnerState(client: Client, side: Side, epoch: number): Promise<OwnerState> {
  const askedUs = nowUs();
  await client.query('begin isolation level repeatable read read only');
  await client.query('lock table side in access share mode');
  const all = async (sql: string): Promise<readonly (readonly string[])[]> =>
    (await client.query<string[]>({ text: sql, rowMode: 'array' })).rows;
  const pair = ([a, b]: readonly string[]): readonly [number, number] => [Number(a), Number(b)];
  const lists = await all('select k::text, elements::text from lists');
  const takenUs = nowUs();
  const state: OwnerState = {
    side,
    epoch,
    askedUs,
    takenUs,
    lists: lists.map(([k, elements]) => [Number(k), numbersOf(must(elements, 'elements'))]),
    balances: (await all('select account::text, balance::text from accounts')).map(pair),
    claims: (await all('select value::text, by::text from claims')).map(pair),
    ids: (await all('select id::text from ids')).map(([id]) => ['ids', Number(id)]),
    rows: (await all('select row::text, key::text, version::text, toast from rows')).map(
      ([row, key, version, toast]) => ({
        row: Number(row),
        key: Number(key),
        version: Number(version),
        toast: toastNumber(toast ?? ''),
      }),
    ),
    bag: (await all('select v::text, count(*)::text from bag group by v')).map(pair),
    sideTable: (await all('select v::text from side')).map(([v]) => Number(v)),
  };
  await client.query('commit');
  return state;
}

/** Of an array, or of the text that a list is where it came from MySQL: `{1,2}`, `1,2,`. */
function numbersOf(list: string): readonly number[] {
  return (list.match(/\d+/g) ?? []).map(Number);
}
