import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tealPlace, type TealPlace } from '../support/teal-place.ts';

const schema = `create table customer (id int primary key, name text not null, note text);
  insert into customer select n, 'name ' || n from generate_series(1, 500) n;
  create table visit (at int, what text);
  insert into visit select n % 10, 'seen' from generate_series(1, 50) n;
  create table calm (id int primary key)`;

/** Spoils the side that is not live behind Teal's back, as a bug or a stray session with the right to would. */
async function spoil(place: TealPlace, side: 'blue' | 'green'): Promise<void> {
  await place.query(
    side,
    `set session_replication_role = replica;
     select pg_replication_origin_create('spoiler'); select pg_replication_origin_session_setup('spoiler');
     update customer set name = 'secret-value', note = 'x' where id = 7;
     delete from customer where id = 8; insert into customer values (901, 'stray');
     delete from visit where ctid = (select ctid from visit where at = 3 limit 1)`,
  );
}

test('verify tells what differs by table, key and column, prints its repair, and repairs it, in either direction', async () => {
  await using place = await tealPlace({ schema });
  expect(await place.teal('up')).toMatchObject({ code: 4 });

  await spoil(place, 'green');
  const told = await place.teal('verify');
  expect(told.code).toBe(3);
  const [words = '', statements = ''] = told.out.split('As SQL');
  expect(words.split('\n').filter((line) => line.length > 80 && !line.includes('certificates/'))).toEqual([]);
  expect(statements).toContain('update only "public"."customer"');
  expect(told.out).toContain('public.customer: 1 missing on blue, 1 missing on green, 1 different');
  expect(told.out).toContain('  id = 7: name, note differ');
  expect(told.out).toContain('  id = 8: missing on green');
  expect(told.out).toContain('  id = 901: missing on blue');
  expect(told.out).toContain('public.visit: 1 missing on green');
  expect(told.out).not.toContain('public.calm:');

  // The statements are what they say: run by hand they make it equal.
  const written = await place.teal('verify', '--out', 'repair.sql', '--json');
  expect(written.code).toBe(3);
  const file = join(place.folder, 'repair.sql');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const sql = await readFile(file, 'utf8');
  expect(JSON.parse(written.out)).toMatchObject({ equal: false, live: 'blue' });
  await place.query('green', sql);
  expect(await place.teal('verify')).toMatchObject({ code: 0 });

  await spoil2(place);
  const fixed = await place.teal('verify', '--fix', '--json');
  expect(fixed).toMatchObject({ code: 0 });
  expect(JSON.parse(fixed.out)).toMatchObject({ equal: true, live: 'blue', repaired: 1 });

  expect(await place.teal('cutover')).toMatchObject({ code: 0 });
  await spoil(place, 'blue');
  const back = await place.teal('verify', '--fix');
  expect(back).toMatchObject({ code: 0 });
  expect(back.out).toContain("4 rows of blue were made equal to green's.");
  expect(await place.query('blue', 'select count(*) as n from visit')).toEqual([{ n: '50' }]);

  // What the repair wrote is Teal's own: neither flow took it for a stray write, so the way back is open.
  expect(await place.teal('rollback')).toMatchObject({ code: 0 });
  const story = await place.teal('report');
  expect(story.out).toMatch(/has blue repaired: public\.customer, public\.visit/);
  for (const text of [story.out, ...(await filesOf(place))]) expect(text).not.toContain('secret-value');
});

async function spoil2(place: TealPlace): Promise<void> {
  await place.query(
    'green',
    `set session_replication_role = replica; select pg_replication_origin_session_setup('spoiler');
     delete from customer where id = 9`,
  );
}

/** All that Teal wrote on this machine but the spool, which is the data itself on its way. */
async function filesOf(place: TealPlace): Promise<readonly string[]> {
  const found = await readdir(join(place.folder, '.teal'), { recursive: true, withFileTypes: true });
  const files = found.filter((each) => each.isFile() && !each.parentPath.endsWith('spool'));
  expect(files.length).toBeGreaterThan(5);
  return Promise.all(files.map(async (each) => readFile(join(each.parentPath, each.name), 'latin1')));
}
