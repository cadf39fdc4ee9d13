import type { WriteOutcome } from '../../shadow/settle-write.ts';
import { mysqlDialect, type MysqlAnswer } from './answer.ts';
import type { MysqlWritten } from './sample.ts';
import { saidIn } from './write-watch.ts';

/** Lock waits and deadlocks with what else is tried. */
const busy = new Set(['1205', '1213', '3572']);
/** The account may write nowhere but in the copy, and what it may there is not what its clients may: no finding of theirs. */
const notAllowed = new Set(['1044', '1045', '1142', '1143', '1227', '1370', '1419', '1290', '1792', '1836']);
const thereAlready = new Set(['1022', '1062', '1586', '1761', '1762']);
/** Of names, syntax, types and characters: no row explains them (MySQL manual, "Server Error Message Reference"; MariaDB, "Error Codes"). */
const ofTheStatement = new Set(
  `1046 1049 1051 1052 1054 1055 1056 1058 1060 1064 1066 1093 1103 1109 1110 1111 1115 1128 1136 1140 1146 1149 1166 1193 1210 1221 1222 1231 1232 1235 1238
  1241 1248 1253 1267 1270 1271 1273 1288 1305 1318 1327 1347 1348 1356 1364 1393 1394 1395 1471 1482 1525 1527 1540 1561 1578 1582 1583 1584 1615 1630
  1635 1735 1747 1748 3065 3105 3143 3579 3582 3593 4078 4161`.split(/\s+/),
);
/** Of an INSERT of rows that the statement has itself: values that do not fit, NULL, CHECK, a partition. */
const ofItsValues = new Set(
  '1048 1263 1264 1265 1292 1300 1364 1366 1367 1406 1411 1416 1441 1526 1648 1690 3140 3141 3156 3819 4025'.split(' '),
);

/** Pure. */
export function outcomeOf({ said, write }: MysqlWritten, there: MysqlAnswer): WriteOutcome {
  const { error } = there;
  if (error === undefined) {
    const now = saidIn(there);
    if (now === said) return { outcome: 'equal' };
    return { outcome: 'different', kind: 'of rows', difference: { kind: 'count', blue: said, green: now } };
  }
  if (busy.has(error)) return { outcome: 'busy' };
  if (notAllowed.has(error)) return { outcome: 'closed' };
  if (mysqlDialect.isPassing(there)) return { outcome: 'unanswered' };
  const difference = { kind: 'error' as const, blue: said, green: `error ${error}` };
  return { outcome: 'different', kind: kindOf(error, write.isPlainInsert), difference };
}

/** Undefined: it was committed. Pure. */
export function outcomeOfEnd({ error }: Pick<MysqlAnswer, 'error'>): WriteOutcome | undefined {
  if (error === undefined) return undefined;
  const difference = { kind: 'error' as const, blue: 'COMMIT', green: `error ${error} at COMMIT` };
  return busy.has(error) ? { outcome: 'busy' } : { outcome: 'different', kind: 'of rows', difference };
}

function kindOf(error: string, isPlainInsert: boolean): 'refused' | 'of rows' | 'there already' {
  if (thereAlready.has(error)) return 'there already';
  const isSure = ofTheStatement.has(error) || (isPlainInsert && ofItsValues.has(error));
  return isSure ? 'refused' : 'of rows';
}
