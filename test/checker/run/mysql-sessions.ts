import type { DriverConnection } from '../drivers/driver.ts';
import type { Random } from '../random.ts';
import type { SessionKind } from '../schedule.ts';
import { ask, LostState, NowAndThen, type Holding, type Pin } from './sessions.ts';

/** As `holdingOf`, of MySQL and MariaDB. */
export function mysqlHoldingOf(kind: SessionKind, client: number, random: Random): Holding | undefined {
  switch (kind) {
    case 'settings':
      return settings(client, random);
    case 'temporary table':
      return new NowAndThen(temporaryTable, random);
    case 'advisory lock':
      return new NowAndThen(namedLock(client), random);
    default:
      return undefined;
  }
}

/** A variable of the user's, two of the server's and the database: set once, and there for as long as the connection is. */
function settings(client: number, random: Random): Holding {
  const wanted = [`client ${client}`, '+12:45', '7041', 'shop'];
  return {
    async open(connection) {
      await ask(connection, `set @teal_check = 'client ${client}', @@session.time_zone = '+12:45'`);
      await ask(connection, 'set session group_concat_max_len = 7041');
      await ask(connection, 'use shop');
    },
    async between(connection) {
      if (!random.chance(0.2)) return;
      const [row] = await ask(
        connection,
        'select @teal_check, @@session.time_zone, @@session.group_concat_max_len, database()',
      );
      if (JSON.stringify(row) !== JSON.stringify(wanted)) throw new LostState('setting');
    },
  };
}

const temporaryTable: Pin = {
  async hold(connection) {
    await ask(connection, 'create temporary table teal_check_mine (n int)');
    await ask(connection, 'insert into teal_check_mine values (1), (2), (3), (4), (5)');
  },
  async check(connection) {
    const [row] = await ask(connection, 'select sum(n) from teal_check_mine');
    if (row?.[0] !== '15') throw new LostState('temporary table');
  },
  async letGo(connection) {
    await ask(connection, 'drop temporary table teal_check_mine');
  },
};

function namedLock(client: number): Pin {
  const name = `'teal check ${client}'`;
  const must = async (connection: DriverConnection, sql: string): Promise<void> => {
    const [row] = await ask(connection, sql);
    if (row?.[0] !== '1') throw new LostState('advisory lock');
  };
  return {
    hold: async (connection) => must(connection, `select get_lock(${name}, 0)`),
    check: async (connection) => must(connection, `select is_used_lock(${name}) = connection_id()`),
    letGo: async (connection) => must(connection, `select release_lock(${name})`),
  };
}
