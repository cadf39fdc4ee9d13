import { isLong } from './long.ts';
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

/**
 * For files that take half a minute a series and whose code asks no server for its version: the older MariaDB is theirs in the long form, beside the files that read catalogues, binlogs and the
 * protocol of every series in `make test`.
 */
export const longSeries = isLong ? allSeries : allSeries.filter(({ series }) => series !== 'mariadb-10.11');

/** For whole migrations, which take half a minute a series: in the short form the one that is named. Files name different ones. */
export function longSeriesOr(series: MysqlSeries): typeof allSeries {
  return isLong ? allSeries : allSeries.filter((each) => each.series === series);
}
