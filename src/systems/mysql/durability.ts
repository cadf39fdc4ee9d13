import { monotonicMs, waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { MysqlConnection } from './connection.ts';

/** What of InnoDB's log is written, and what of it is on the disk: bytes since the server was made. */
export interface LogPlaces {
  readonly written: bigint;
  readonly flushed: bigint;
}

/** How long a forced flush is waited for: a server that need not flush at each commit does so once a second by itself. */
const forceMs = 30_000;
/** A look at the settings holds for so long. */
const settingsMs = 1_000;

/**
 * When a commit of InnoDB has reached the disk.
 *
 * With `innodb_flush_log_at_trx_commit=1`, and `sync_binlog=1` where there is a binlog, a commit waits for the disk (with a binlog it is that which decides in recovery what of
 * the prepared transactions is committed). Else it is there once InnoDB's own log is flushed beyond it: recovery asks no binlog about a transaction whose commit is in
 * InnoDB's log. Both families tell where that log is: MariaDB `Innodb_lsn_*`, MySQL from 8.0.30 on `Innodb_redo_log_*_lsn`. An older MySQL tells nothing; there only FLUSH ENGINE LOGS
 * is known to have done it.
 */
export class Durability {
  readonly #connection: MysqlConnection;
  #waits = false;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(connection: MysqlConnection) {
    this.#connection = connection;
  }

  /** Whether a COMMIT waits for the disk. Settings of the server may be changed at any time: they are read again after a second. */
  async commitsWait(): Promise<boolean> {
    if (monotonicMs() - this.#readAtMs < settingsMs) return this.#waits;
    const { rows } = await this.#connection.query(
      'select @@global.innodb_flush_log_at_trx_commit as redo, @@global.log_bin as logs, @@global.sync_binlog as binlog',
    );
    const row = rows[0] ?? {};
    this.#waits = row['redo'] === '1' && (row['logs'] === '0' || row['binlog'] === '1');
    this.#readAtMs = monotonicMs();
    return this.#waits;
  }

  /** Undefined where the server does not tell. */
  async places(): Promise<LogPlaces | undefined> {
    const { rows } = await this.#connection.query(
      `show global status where variable_name in
         ('Innodb_lsn_current', 'Innodb_lsn_flushed', 'Innodb_redo_log_current_lsn', 'Innodb_redo_log_flushed_to_disk_lsn')`,
    );
    const values = new Map(rows.map((row) => [row['Variable_name'], row['Value']]));
    const written = values.get('Innodb_lsn_current') ?? values.get('Innodb_redo_log_current_lsn');
    const flushed = values.get('Innodb_lsn_flushed') ?? values.get('Innodb_redo_log_flushed_to_disk_lsn');
    if (written === undefined || written === null || flushed === undefined || flushed === null) return undefined;
    return { written: BigInt(written), flushed: BigInt(flushed) };
  }

  /** All that was committed before is on the disk when this resolves. Not within a transaction. */
  async force(): Promise<void> {
    const before = await this.places();
    try {
      await this.#connection.query('flush no_write_to_binlog engine logs');
    } catch (error) {
      // Without the privilege RELOAD the server's own round, once a second, is waited for, if it can be seen.
      if (before === undefined || !isTealError(error, 'TEAL-SYSTEMS-010')) throw error;
    }
    if (before === undefined) return;
    await waitFor({ what: 'the log of the target to be on its disk', timeoutMs: forceMs }, async () => {
      const now = await this.places();
      return now !== undefined && now.flushed >= before.written ? true : undefined;
    });
  }

  /** The same of the binlog, which is closed and begun anew for it, where the server does not wait for it at each commit. */
  async forceWithBinlog(): Promise<void> {
    if (await this.commitsWait()) return;
    await this.force();
    await this.#connection.query('flush no_write_to_binlog binary logs');
  }
}
