import { asMysqlSeries, mysqlSeries, type MysqlSeries } from '../../tools/servers/install-mysql.ts';

/** What tests of the MySQL family run on: TEAL_MYSQL, a list with commas, by default all. A series that is not in it is skipped, and counted so. */
export function isTested(series: MysqlSeries): boolean {
  const wanted = process.env['TEAL_MYSQL'];
  if (wanted === undefined) return true;
  return wanted
    .split(',')
    .filter((text) => text !== '')
    .map(asMysqlSeries)
    .includes(series);
}

export const allSeries: readonly { readonly series: MysqlSeries; readonly tested: boolean }[] = mysqlSeries.map(
  (series) => ({ series, tested: isTested(series) }),
);
