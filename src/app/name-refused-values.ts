import { describeError, TealError, type ErrorFacts } from '../kernel/errors.ts';
import { findingsOf, refusedScan } from '../mapping/profile.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { tableFacts, tableKey, type Table } from '../model/catalog.ts';
import type { CopyTarget, CopyWriter } from '../ports/snapshot-source.ts';
import { connect } from '../systems/mysql/connection.ts';
import { sqlStateOf } from '../systems/postgres/errors.ts';

/** Of the look for one such row, on the server: a table may be of any size. */
const lookSeconds = 60;

/**
 * A target that tells which column of blue it was, where PostgreSQL refuses a value of a copied row: its own words repeat the row, and are not read. So blue is asked for a row that
 * does not pass one of the mapping's checks of the table. The error names the columns of the key and the statement that lists the rows; values stay on the server.
 */
export function namingRefusedValues(target: CopyTarget, blueUrl: string, mapping: Mapping): CopyTarget {
  return {
    begin: async (run, signal) => target.begin(run, signal),
    done: async (tables) => target.done(tables),
    epoch: async () => target.epoch(),
    open: async (run, signal): Promise<CopyWriter> => {
      const writer = await target.open(run, signal);
      return {
        write: async (range, rows) => {
          try {
            return await writer.write(range, rows);
          } catch (error) {
            if (sqlStateOf(error)?.startsWith('22') !== true) throw error;
            throw refused(range.table, await look(range.table, blueUrl, mapping, signal), error);
          }
        },
        [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
      };
    },
  };
}

function refused(table: Table, found: ErrorFacts, cause: unknown): TealError {
  const column = found['column'] === undefined ? '' : `.${String(found['column'])}`;
  const why = found['holds'] === undefined ? 'a value that green does not take' : String(found['holds']);
  const facts = { ...tableFacts(table), ...found, sqlState: sqlStateOf(cause) };
  return new TealError('TEAL-SYNC-134', `${tableKey(table)}${column} holds ${why}`, facts, cause);
}

async function look(table: Table, blueUrl: string, mapping: Mapping, signal: AbortSignal): Promise<ErrorFacts> {
  const scan = refusedScan(mapping, table);
  if (scan === undefined) return {};
  try {
    await using blue = await connect({ url: blueUrl, applicationName: 'teal look blue', signal });
    await blue.query(
      blue.flavour === 'mysql'
        ? `set @@session.max_execution_time = ${lookSeconds * 1_000}`
        : `set @@session.max_statement_time = ${lookSeconds}`,
    );
    const { rows } = await blue.query(scan.sql);
    const [finding] = findingsOf(scan, rows[0] ?? {});
    if (finding === undefined) return { look: 'no row of blue was found that green would refuse' };
    const { columns, keyColumns, meaning, samples, cleansing } = finding.check;
    return {
      column: columns[0],
      holds: meaning,
      key: keyColumns,
      ...(samples === undefined ? {} : { rows: samples }),
      mend: `${cleansing.statement} -- ${cleansing.note}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { look: describeError(error) };
  }
}
