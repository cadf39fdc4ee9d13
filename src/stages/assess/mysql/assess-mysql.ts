import type { Side } from '../../../model/catalog.ts';
import { isSelected } from '../../../model/table-selection.ts';
import { inOrder, type Assessment } from '../assess.ts';
import { estimate } from '../estimate.ts';
import type { Finding } from '../finding.ts';
import { checkActivity } from './activity.ts';
import { mysqlInventory } from './inventory.ts';
import { checkPair } from './pair.ts';
import { checkPolling } from './polling.ts';
import { checkRecorder } from './recorder.ts';
import { checkRights } from './rights.ts';
import { checkServer } from './servers.ts';
import { readsLog, sidesOf, type MysqlAssessOptions, type MysqlSideView, type MysqlSituation } from './situation.ts';
import { checkTables } from './tables.ts';

/**
 * Pure: judges what introspectors have said of a blue that is MySQL or MariaDB, and of a green of the same family. A green that is PostgreSQL is left out: what it must be is judged
 * by `assess`'s own checks, and how values fit by the mapping. The same answer comes from the same facts.
 */
export function assessMysql(
  blue: MysqlSideView,
  green: MysqlSideView | undefined,
  options: MysqlAssessOptions,
): Assessment {
  const situation: MysqlSituation = {
    blue,
    ...(green === undefined ? {} : { green }),
    managed: blue.catalog.tables.filter((table) => isSelected(table, options)),
    leftOut: blue.catalog.tables.filter((table) => !isSelected(table, options)),
    options,
  };
  const databases = new Set(situation.managed.map(({ schema }) => schema));
  return Object.freeze({
    findings: inOrder([
      ...sidesOf(situation).flatMap(([side, view]) => checkSide(side, view, databases, readsLog(options, side))),
      ...checkPair(situation),
      ...checkTables(situation),
      ...checkRecorder(situation),
      ...checkPolling(situation),
      ...checkActivity(situation),
    ]),
    inventory: mysqlInventory(situation),
    estimates: estimate(situation.managed, { walRate: blue.facts.logRate }, options.copyBytesPerSecond, {
      blue: readsLog(options, 'blue') ? 'binlog' : 'record',
      green: green === undefined ? 'WAL' : 'binlog',
    }),
  });
}

/** What one server must be and its account must be allowed, whatever the other side is. */
function checkSide(
  side: Side,
  view: MysqlSideView,
  databases: ReadonlySet<string>,
  isLogRead: boolean,
): readonly Finding[] {
  return [...checkServer(side, view, isLogRead), ...checkRights(side, view, databases, isLogRead)];
}
