import type { RowDataPacket } from 'mysql2/promise';
import { waitFor } from '../src/kernel/clock.ts';
import type { MysqlSeries } from '../tools/servers/install-mysql.ts';
import type { MysqlServer } from '../tools/servers/mysql.ts';
import { must } from '../src/kernel/assert.ts';
import { holdable, type Follower } from './followers.ts';
import { openFolder } from './folder.ts';
import { database, execute, openMysql, urlOf, withSession } from './mysql-pair.ts';
import { caughtUp, replicaError, startReplica } from './peers/native-replica.ts';
import { Teal } from './teal.ts';

/** Something that carries the changes of blue to a server of its own, and can be held where it is. */
export interface MysqlFollower extends Omit<Follower, 'url'> {
  readonly server: MysqlServer;
  /** Throws where it has given up. */
  readonly expectAlive: () => Promise<void>;
}

export interface MysqlFollowed extends AsyncDisposable {
  readonly blue: MysqlServer;
  readonly followers: readonly MysqlFollower[];
}

const arrivalTimeoutMs = 30 * 60_000;
/** Whether it has given up is asked seldom: the question is dearer than the look. */
const looksPerQuestion = 200;
const workers = 4;
export const replicaNames = { single: 'replica, one thread', parallel: `replica, ${workers} workers` } as const;

/** What a parallel replica wants of its source: who depends on whom by the rows, as MySQL has it by itself from 8.4 on. MariaDB's replicas find out by trying. */
const sourceSettings: Readonly<Record<MysqlServer['flavour'], Readonly<Record<string, string>>>> = Object.freeze({
  mysql: { 'binlog-transaction-dependency-tracking': 'WRITESET' },
  mariadb: {},
});

/** Every target writes a log of its own: Teal's way back needs one, and a replica that is to take over, too. Only the one database is carried. */
const targetSettings: Readonly<Record<string, string>> = Object.freeze({
  'log-slave-updates': 'ON',
  'slave-net-timeout': '7200',
  'replicate-wild-do-table': `${database}.%`,
});

/** Blue with what `fill` puts there, and three that follow it; each is held until it is released. */
export async function openMysqlFollowers(
  series: MysqlSeries,
  fill: (blue: MysqlServer) => Promise<void>,
): Promise<MysqlFollowed> {
  await using stack = new AsyncDisposableStack();
  const flavour = series.startsWith('mariadb') ? 'mariadb' : 'mysql';
  const blue = stack.use(await openMysql(series, 1, sourceSettings[flavour]));
  const target = async (serverId: number): Promise<MysqlServer> =>
    stack.use(await openMysql(series, serverId, targetSettings));
  const [green, single, parallel] = [await target(2), await target(3), await target(4)];
  await fill(blue);
  await execute(blue, [`create table ${database}.marks (n bigint not null primary key) engine=InnoDB`]);
  const followers = [
    await followByTeal(stack, blue, green),
    await followNatively(stack, blue, single, replicaNames.single, 0),
    await followNatively(stack, blue, parallel, replicaNames.parallel, workers),
  ];
  const kept = stack.move();
  return { blue, followers, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

async function followByTeal(
  stack: AsyncDisposableStack,
  blue: MysqlServer,
  green: MysqlServer,
): Promise<MysqlFollower> {
  const place = { folder: await openFolder(stack), blue: {}, green: {} };
  const systems = { blue: blue.flavour, green: green.flavour };
  const options = { blueUrl: urlOf(blue, database), greenUrl: urlOf(green), systems };
  const teal = stack.use(await Teal.start(place, options));
  await teal.ask('up');
  const follower = {
    name: 'Teal',
    role: 'teal',
    server: green,
    pid: () => teal.pid,
    expectAlive: async () => undefined,
  } as const;
  return holdable(stack, follower, await teal.workerPid());
}

/** The whole server is held: both its threads, or all of them, stop where they are, as Teal's worker does, and what was sent before stays in the socket. */
async function followNatively(
  stack: AsyncDisposableStack,
  blue: MysqlServer,
  server: MysqlServer,
  name: string,
  threads: number,
): Promise<MysqlFollower> {
  await startReplica(server, blue, threads);
  const expectAlive = async (): Promise<void> => {
    const error = await replicaError(server);
    if (error !== undefined) throw new Error(`${name} has stopped: ${error}`);
  };
  const follower = { name, role: 'peer', server, pid: () => undefined, expectAlive } as const;
  await caughtUp(server, blue);
  return holdable(stack, follower, must(server.pid, 'a server that runs'));
}

/** After everything that blue has done so far. */
export async function leaveMark(blue: MysqlServer, mark: number): Promise<void> {
  await execute(blue, [`insert into ${database}.marks values (${mark})`]);
}

/** Resolves when a mark is there; throws when the follower gives up before. */
export async function markArrives(
  follower: Pick<MysqlFollower, 'server' | 'expectAlive'>,
  mark: number,
): Promise<void> {
  await withSession(follower.server, async (session) => {
    let looks = 0;
    await waitFor({ what: `mark ${mark} to arrive`, timeoutMs: arrivalTimeoutMs, everyMs: 5 }, async () => {
      looks += 1;
      if (looks % looksPerQuestion === 0) await follower.expectAlive();
      const [rows] = await session.execute<RowDataPacket[]>(`select 1 from ${database}.marks where n = ?`, [mark]);
      return rows.length === 0 ? undefined : true;
    });
  });
}
