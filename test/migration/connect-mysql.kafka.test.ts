import { afterEach, describe, expect, test, vi } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import { startConnect, type ConnectCluster } from '../../tools/servers/connect.ts';
import { connectIsTested, namePrefix, testCluster } from '../support/kafka.ts';
import { killWorkerOfSink, startSecuredKafka } from '../support/kafka-connect.ts';
import { isLong } from '../support/long.ts';
import { isTested } from '../support/mysql.ts';
import { greenMajor } from '../support/postgres.ts';
import { Place } from './unlike-place.ts';

const schema: readonly string[] = [
  'create database shop',
  `create table shop.account (
     id int unsigned not null auto_increment primary key, owner varchar(60) not null, active tinyint(1) not null default 1, kind enum('person', 'firm') not null default 'person',
     balance decimal(12,2) not null default 0, born date null, seen datetime(6) null, changed timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
     big bigint unsigned null, small smallint null default 7, photo blob null, note text null, twice int as (small * 2) stored, unique key by_owner (owner)) engine=InnoDB`,
  `create table shop.entry (
     writer int not null, seq int not null, account int unsigned not null, note varchar(20) null, ok tinyint(1) null default 1, primary key (writer, seq), key by_account (account),
     constraint entry_account foreign key (account) references shop.account (id)) engine=InnoDB`,
  `insert into shop.account (owner, active, kind, balance, born, seen, big, small, photo, note)
   with recursive n as (select 1 as i union all select i + 1 from n where i < 900)
   select concat('owner ', i, ' é'), i % 3 <> 0, if(i % 2, 'person', 'firm'), i * 1.25 - 300, date_add('1950-01-01', interval i day),
          if(i % 5 = 0, null, date_add('2024-01-01 00:00:00.123456', interval i * 977 second)), 18446744073709551615 - i, if(i % 4 = 0, null, i),
          if(i % 7 = 0, null, unhex(sha2(i, 256))), if(i % 6 = 0, null, concat('note ', i, ' 😀 \\\\ ''quoted'' \\n and more')) from n`,
  `insert into shop.entry (writer, seq, account, note) select 99, id, id, concat('first ', id) from shop.account`,
];

/** What carries, and where the file finds it. */
interface Wires extends AsyncDisposable {
  readonly connect: ConnectCluster;
  readonly kafkaUrl: string;
}

const plugins = {
  'mysql-8.0': ['debezium-mysql', 'debezium-jdbc'],
  'mariadb-11.4': ['debezium-mariadb', 'debezium-jdbc'],
} as const;

/** Of MySQL two workers, of which one dies; of MariaDB a cluster that wants a login and speaks TLS alone. */
async function openWires(series: keyof typeof plugins): Promise<Wires> {
  await using stack = new AsyncDisposableStack();
  if (series === 'mysql-8.0') {
    const { bootstrap } = await testCluster('blue');
    const connect = stack.use(await startConnect({ bootstrap, plugins: plugins[series], workers: 2 }));
    const kept = stack.move();
    return { connect, kafkaUrl: `kafka://${bootstrap}`, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
  }
  const { bootstrap, url, workerSettings } = stack.use(await startSecuredKafka());
  const connect = stack.use(await startConnect({ bootstrap, plugins: plugins[series], settings: workerSettings }));
  const kept = stack.move();
  return { connect, kafkaUrl: url, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** What docs/guide/kafka-connect.md says that the account of the connector needs, and nothing more. Answers its address. */
async function makeConnectorAccount({ root, urls }: Place): Promise<string> {
  for (const sql of [
    `create user debezium@'%' identified by 'de/be zium'`,
    `grant reload, show databases, replication slave, replication client on *.* to debezium@'%'`,
    `grant select on shop.* to debezium@'%'`,
    `grant select, insert, update on teal.* to debezium@'%'`,
  ])
    await root.query(sql);
  const url = new URL(urls.blueUrl);
  [url.username, url.password] = ['debezium', encodeURIComponent('de/be zium')];
  return url.href;
}

/** The addresses hold passwords, which a file may not. */
function fileLines({ connect, kafkaUrl }: Wires, blue: string): string {
  vi.stubEnv('KAFKA_URL', kafkaUrl);
  vi.stubEnv('CONNECT_BLUE_URL', blue);
  const lines = {
    url: connect.urls,
    kafka: '${KAFKA_URL}',
    blue: '${CONNECT_BLUE_URL}',
    replicationFactor: 1,
    topicPrefix: namePrefix(),
  };
  return `follow: { heartbeat: 2s }\ncarrier: connect\nconnect: ${JSON.stringify(lines)}\n`;
}

/** Small transactions of every kind, until blue takes none any more. Answers the notes that must be there. */
async function writeUntilFenced({ client }: Place, told: { count: number }): Promise<readonly string[]> {
  const notes = new Set<string>();
  for (let seq = 1; ; seq += 1) {
    try {
      await client.transaction(async () => {
        await client.query('update account set balance = balance + 1, active = 1 - active where id = ?', [
          1 + (seq % 900),
        ]);
        await client.query('insert into entry (writer, seq, account, note) values (1, ?, ?, ?)', [
          seq,
          1 + (seq % 900),
          `during ${seq}`,
        ]);
        if (seq % 5 === 4) await client.query('delete from entry where writer = 1 and seq = ?', [seq - 3]);
        // A key that moves, and a NULL where the column has a default.
        if (seq % 7 === 6)
          await client.query('update entry set seq = -seq, ok = null where writer = 1 and seq = ?', [seq]);
      });
    } catch (error) {
      if (serverNumberOf(error) !== fenceErrorNumber) throw error;
      return [...notes].toSorted();
    }
    notes.add(`during ${seq}`);
    // Not those whose keys have moved.
    if (seq % 5 === 4 && (seq - 3) % 7 !== 6) notes.delete(`during ${seq - 3}`);
    told.count += 1;
    await sleep(100);
  }
}

async function notesOnGreen(place: Place): Promise<readonly string[]> {
  const rows = await place.onGreen(`select note from shop.entry where writer = 1`);
  return rows.map(({ note }) => note ?? '').toSorted();
}

/** In the short form that with the login: a worker that dies is seen beside it (`connect.kafka.test.ts`). */
const series = (['mariadb-11.4', 'mysql-8.0'] as const).slice(0, isLong ? 2 : 1);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(!connectIsTested).for(series)('%s to PostgreSQL by Kafka Connect', (each) => {
  test.skipIf(!isTested(each))(
    'goes over under writes by an account of few rights, comes back, goes over again and keeps no trace of it',
    { timeout: 900_000 },
    async () => {
      await using wires = await openWires(each);
      const { connect } = wires;
      await using place = await Place.make(each, greenMajor(), schema);
      await place.writeFile(fileLines(wires, await makeConnectorAccount(place)));
      const evidence: Record<string, string> = {};
      let killing = Promise.resolve();
      place.onEvent = (event) => {
        if (connect.workers.length > 1 && event.kind === 'step started' && event.step === 'copy:rows') {
          killing = killWorkerOfSink(connect);
          killing.catch(() => undefined);
        }
        if (event.kind === 'step done') evidence[event.step.replace(/^cut:(e\d+)a\d+:/, 'cut:$1:')] = event.evidence;
      };
      const told = { count: 0 };
      const writing = writeUntilFenced(place, told);
      // Where the test fails before it is awaited, that failure is the one to tell.
      writing.catch(() => undefined);
      await using migration = await place.open('up');
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      await killing;
      const before = told.count;
      await waitFor({ what: 'the client to write', timeoutMs: 60_000 }, () => told.count > before + 5 || undefined);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      expect(await notesOnGreen(place)).toEqual(await writing);
      expect(evidence['cut:e1:arrived']).toMatch(/^a sign that was written after the token/);

      await place.onGreen(`insert into shop.entry (writer, seq, account, note) values (2, 1, 5, 'grün')`);
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
      expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      const back = await place.root.query(`select note as note from shop.entry where writer = 2`);
      expect(back.rows).toEqual([{ note: 'grün' }]);
      await place.client.query(`insert into entry (writer, seq, account, note) values (3, 1, 6, 'blau')`);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      expect(await place.onGreen(`select note from shop.entry where writer = 3`)).toEqual([{ note: 'blau' }]);
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
      // Nothing of it is left: neither on the servers nor on the cluster.
      expect(await place.schemasOnGreen()).toEqual(['shop']);
      expect(await place.databasesOnBlue()).toEqual(['shop']);
      expect(await place.onGreen(`select roname from pg_replication_origin where roname ~ '^teal_'`)).toEqual([]);
      const left = connect.workers.filter(({ pid }) => pid !== undefined);
      expect(left).toHaveLength(1);
      expect(await (await fetch(`${left[0]?.url}/connectors`)).json()).toEqual([]);
    },
  );
});
