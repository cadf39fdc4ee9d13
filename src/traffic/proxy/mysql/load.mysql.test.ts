import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../test/support/mysql.ts';
import { startMysql } from '../../../../tools/servers/mysql.ts';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { direct, proxiedMysql, type ProxiedMysql, type Servers } from './test-support/proxied.ts';

const clients = 16;
const cuts = 4;

interface Story {
  statements: number;
  readonly sides: Set<number>;
}

async function rowOf(
  client: Connection,
  sql: string,
  values: readonly (string | number)[] = [],
): Promise<RowDataPacket> {
  const [rows] =
    values.length === 0
      ? await client.query<RowDataPacket[]>(sql)
      : await client.execute<RowDataPacket[]>(sql, [...values]);
  const [row] = rows;
  if (row === undefined) throw new Error(`no row for ${sql}`);
  return row;
}

/** One client's life: transactions, prepared statements, what a session remembers. Throws at the first answer that is not as it would be without a proxy. */
async function live(client: Connection, who: number, isOver: () => boolean, story: Story): Promise<void> {
  await client.query(`set @who = ?, time_zone = '+05:00', @@session.group_concat_max_len = ?`, [who, 1_000 + who]);
  for (let turn = 1; turn === 1 || !isOver(); turn += 1) {
    await client.query('set @turn = ?', [turn]);
    await client.beginTransaction();
    const { a } = await rowOf(client, 'select ? + 0 as a', [turn]);
    expect(Number(a)).toBe(turn);
    const begun = await rowOf(client, 'select @@server_id as id');
    await client.execute('insert into shop.done (who, turn) values (?, ?)', [who, turn]);
    const ended = await rowOf(
      client,
      'select @@server_id as id, @who as who, @turn as turn, @@time_zone as zone, @@group_concat_max_len as len, database() as db',
    );
    expect(ended, 'within one transaction').toMatchObject({
      id: begun['id'],
      zone: '+05:00',
      len: 1_000 + who,
      db: 'shop',
    });
    expect([Number(ended['who']), Number(ended['turn'])]).toEqual([who, turn]);
    await client.commit();
    story.sides.add(Number(begun['id']));
    const [inserted] = await client.execute<ResultSetHeader>('insert into shop.done (who, turn) values (?, ?)', [
      who,
      -turn,
    ]);
    const { last } = await rowOf(client, 'select last_insert_id() as last');
    expect(Number(last)).toBe(inserted.insertId);
    await client.query('do sleep(0.002)');
    story.statements += 9;
  }
}

async function underLoad(at: ProxiedMysql): Promise<readonly Story[]> {
  let over = false;
  const all = await Promise.all(Array.from({ length: clients }, async () => at.connect({ database: 'shop' })));
  const stories = all.map((): Story => ({ statements: 0, sides: new Set() }));
  const failures: string[] = [];
  const work = all.map(async (client, who) => {
    try {
      await live(client, who, () => over, stories[who] ?? { statements: 0, sides: new Set() });
    } catch (error) {
      failures.push(`client ${who}: ${String(error)}`);
    }
  });
  for (let epoch = 1; epoch <= cuts && failures.length === 0; epoch += 1) {
    const before = stories.map(({ statements }) => statements);
    const untilMs = monotonicMs() + 60_000;
    while (
      monotonicMs() < untilMs &&
      failures.length === 0 &&
      stories.some(({ statements }, who) => statements === before[who])
    )
      await sleep(20);
    await at.cut(epoch % 2 === 1 ? 'green' : 'blue', epoch);
  }
  over = true;
  await Promise.all(work);
  expect(failures).toEqual([]);
  return stories;
}

describe.for(longSeries)('a switch under load with $series', ({ series, tested }) => {
  let servers: Servers;

  beforeAll(async () => {
    if (!tested) return;
    const settings = { 'max-connections': '300' };
    const [blue, green] = await Promise.all([
      startMysql({ series, settings: { ...settings, 'server-id': '11' } }),
      startMysql({ series, settings: { ...settings, 'server-id': '22' } }),
    ]);
    servers = { blue, green };
    for (const server of [blue, green]) {
      await using admin = await direct(server);
      await admin.query('create database shop');
      await admin.query(
        'create table shop.done (id bigint auto_increment primary key, who int, turn int, unique (who, turn))',
      );
    }
  });
  afterAll(async () => {
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)('fails no statement, and loses and doubles none', { timeout: 300_000 }, async () => {
    await using at = await proxiedMysql(servers);
    const stories = await underLoad(at);
    for (const { sides } of stories) expect(sides).toEqual(new Set([11, 22]));
    let kept = 0;
    for (const server of Object.values(servers)) {
      await using admin = await direct(server);
      kept += Number((await rowOf(admin, 'select count(*) as c from shop.done'))['c']);
    }
    expect(kept).toBe(stories.reduce((sum, { statements }) => sum + (statements / 9) * 2, 0));
    expect(at.said.filter((line) => /lost|cannot follow|could not be moved|not understood/.test(line))).toEqual([]);
  });
});
