import { tableKey, type Side, type Table } from '../../../model/catalog.ts';
import type { PollSettings } from '../../../model/follow-method.ts';
import type { Probed, Step } from '../../../ports/step.ts';
import type { PgConnection } from '../connection.ts';
import type { KeptSession } from '../kept-session.ts';
import { installRecorder, recordedTables, removeRecorder, withoutTriggers } from '../trigger-source/recorder.ts';
import { installPolling, isInstalled, notPolled, removePolling, type PolledTable } from './poll.ts';

/** What is polled on a side: tables that hold rows, leaf by leaf. */
export function polledBy({ column, columns }: PollSettings, tablesOfSide: readonly Table[]): readonly PolledTable[] {
  return tablesOfSide
    .filter((table) => table.kind === 'table' && table.persistence === 'permanent')
    .map(({ schema, name }) => ({ schema, name, column: columns[tableKey({ schema, name })] ?? column }));
}

/** The record that polls write to, and triggers on Teal's own tables alone. Schema `teal` and the fence must be there. */
export function pollingStep(
  side: Side,
  session: KeptSession,
  tablesOfSide: readonly Table[],
  settings: PollSettings,
): Step {
  const polled = polledBy(settings, tablesOfSide);
  const ownTables = recordedTables([]);
  const probe = async (connection: PgConnection): Promise<Probed> => {
    const { rows } = await connection.query(`select to_regclass('teal.ticks') is not null as there`);
    if (rows[0]?.['there'] !== 't') return { state: 'not done' };
    const missing = (await withoutTriggers(connection, ownTables)).length;
    if (missing > 0 || !(await isInstalled(connection))) return { state: 'partly', evidence: 'a record without polls' };
    const without = await notPolled(connection, polled);
    return without.length === 0
      ? { state: 'done', evidence: `${polled.length} tables are polled` }
      : { state: 'partly', evidence: `${polled.length - without.length} of ${polled.length} tables` };
  };
  return {
    id: pollingStepId(side),
    does: `makes a record of changes on ${side} and a function that looks for rows of ${polled.length} tables that were written since it looked last`,
    locks: 'nothing of the tables; each poll takes ACCESS SHARE on them: reads and writes pass, DROP and ALTER wait',
    costs: `each poll reads what was written since the oldest open transaction began, through an index on the column or else the whole table, and writes what is new once more; ${side} keeps it until the flow has read it`,
    undone: 'the function and the tables of the record are dropped',
    probe: async () => session.use(probe),
    act: async () =>
      session.use(async (connection) => {
        await installRecorder(connection, ownTables);
        await installPolling(connection, polled);
      }),
    undo: async () => session.use(removePollingAndRecord),
  };
}

export async function removePollingAndRecord(connection: PgConnection): Promise<void> {
  await removePolling(connection);
  await removeRecorder(connection);
}

export function pollingStepId(side: Side): string {
  return `prepare:polling-${side}`;
}
