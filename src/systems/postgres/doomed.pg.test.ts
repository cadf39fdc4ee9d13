import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { doomedWrites } from './doomed.ts';
import { PostgresFence } from './fence.ts';
import { KeptSession } from './kept-session.ts';
import { installTealSchema } from './teal-schema.ts';

test('a closed side lets through what cannot commit, by any of the ways there are, and nothing else', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  for (const database of [blue, green]) await database.query('create table orders (id serial primary key, note text)');
  await blue.query("select setval('orders_id_seq', 500)");
  await using blueSession = new KeptSession({ url: blue.url, applicationName: 'teal-test' });
  await using session = new KeptSession({ url: green.url, applicationName: 'teal-test' });
  await session.use(async (connection) => installTealSchema(connection, 'green'));
  const fence = new PostgresFence(session, [{ schema: 'public', name: 'orders' }]);
  await fence.install(true);
  const doomed = doomedWrites({ blue: blueSession, green: session });
  const codeOf = async (sql: string): Promise<string> => {
    try {
      await green.query(`set role teal_doomed_client; ${sql}`);
      return 'done';
    } catch (error) {
      return String(Reflect.get(Object(error), 'code'));
    } finally {
      await green.query('rollback; reset role');
    }
  };
  await green.query(`do $$ begin create role teal_doomed_client; exception when duplicate_object then null; end $$`);
  await green.query('grant all on orders, orders_id_seq to teal_doomed_client');
  const write = "insert into orders (note) values ('x')";
  const doom = 'begin; insert into teal.doomed default values';
  expect(await codeOf(write)).toBe('25006');

  expect(await doomed.isAdmitted()).toBe(false);
  await doomed.admit();
  await doomed.admit();
  expect(await doomed.isAdmitted()).toBe(true);
  expect(await fence.probe()).toMatchObject({ fence: 'raised' });
  await doomed.leadSequences();
  expect(await green.query(`select nextval('orders_id_seq')`)).toEqual([{ nextval: '10501' }]);

  expect(await codeOf(write)).toBe('25006');
  expect(await codeOf(`begin; ${write}; commit`)).toBe('25006');
  expect(await codeOf(`${doom}; ${write}; rollback`)).toBe('done');
  for (const way of [
    `${doom}; ${write}; commit`,
    `${doom}; ${write}; delete from teal.doomed; commit`,
    `${doom}; ${write}; set constraints all immediate; commit`,
    `begin; savepoint a; insert into teal.doomed default values; ${write}; release a; commit`,
    `${doom}; ${write}; prepare transaction 'teal doomed'`,
    'insert into teal.doomed default values',
    `begin; savepoint a; insert into teal.doomed default values; ${write}; rollback to a; ${write}; commit`,
  ]) {
    // Some servers take no prepared transactions at all.
    expect(await codeOf(way), way).toMatch(/^(?:25006|42501|55000)$/);
  }
  expect(
    await codeOf(`begin; savepoint a; insert into teal.doomed default values; ${write}; rollback to a; commit`),
  ).toBe('done');
  expect(await green.query('select from orders')).toEqual([]);

  // Whose transaction a row names is no matter: it is seen in its own alone.
  expect(await codeOf(`begin; ${write}; insert into teal.doomed values (pg_current_xact_id()); commit`)).toBe('25006');
  await doomed.dismiss();
  expect(await doomed.isAdmitted()).toBe(false);
  expect(await codeOf(`${doom}; ${write}; rollback`)).toBe('25006');

  // Once the side is open it stays so.
  await doomed.admit();
  await fence.lower({ epoch: 1, owner: 'green', cut: 'c1' });
  await doomed.dismiss();
  await doomed.admit();
  expect(await fence.probe()).toMatchObject({ fence: 'installed' });
  expect(await codeOf(write)).toBe('done');
  await green.query('drop owned by teal_doomed_client; drop role teal_doomed_client');
});
