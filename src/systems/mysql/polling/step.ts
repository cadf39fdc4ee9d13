import { tableKey, type Side } from '../../../model/catalog.ts';
import type { PollSettings } from '../../../model/follow-method.ts';
import type { Probed, Step } from '../../../ports/step.ts';
import type { MysqlConnection } from '../connection.ts';
import type { KeptSession } from '../kept-session.ts';
import { hasGaps, recordGaps } from '../trigger-source/gaps.ts';
import { recordedTables, removeRecorder, type RecordableTable } from '../trigger-source/recorder.ts';
import { installPolling, isInstalled, notPolled, polledBy, unpollable, type PolledTable } from './poll.ts';

/** The column of each table. Errors: TEAL-SYSTEMS-046 where there is none of a time. */
export function polledTables(
  tables: readonly RecordableTable[],
  { column, columns, zoneMinutes }: PollSettings,
): readonly PolledTable[] {
  return tables.map((table) => {
    const name = columns[tableKey(table)] ?? column;
    const type = table.columns.find((each) => each.name === name)?.type;
    const by = type === undefined ? undefined : polledBy(name, type, zoneMinutes);
    if (by === undefined) throw unpollable([table]);
    return { ...table, polledBy: by };
  });
}

/** The record that polls write to, and triggers on Teal's own tables alone. Database `teal` and the fence must be there. */
export function pollingStep(
  side: Side,
  session: KeptSession,
  tables: readonly RecordableTable[],
  settings: PollSettings,
): Step {
  const probe = async (connection: MysqlConnection): Promise<Probed> => {
    if (!(await isInstalled(connection))) return { state: 'not done' };
    const recorded = new Set((await recordedTables(connection)).map(tableKey));
    const wanted = polledTables(tables, settings);
    const missing = wanted.filter((table) => !recorded.has(tableKey(table)));
    const others = missing.length > 0 ? missing : await notPolled(connection, wanted);
    if (others.length > 0) {
      return { state: 'partly', evidence: `${wanted.length - others.length} of ${wanted.length} tables` };
    }
    const hasAny = hasGaps(await recordGaps(connection));
    return { state: 'done', evidence: `${wanted.length} tables ${hasAny ? 'were' : 'are'} polled` };
  };
  return {
    id: pollingStepId(side),
    does: `makes a record of changes in database teal of ${side}, for rows of ${tables.length} tables that are looked for by the time at which they were written`,
    locks: 'nothing of the tables; each poll reads as any reader does: writes pass, DROP and ALTER wait',
    costs: `each poll reads what was written since the oldest open transaction began, less a minute, through an index on the column or else the whole table, and writes what is new once more; ${side} keeps it until the flow has read it`,
    undone: 'the tables of the record are dropped',
    probe: async () => session.use(probe),
    act: async () => session.use(async (connection) => installPolling(connection, polledTables(tables, settings))),
    undo: async () => session.use(removeRecorder),
  };
}

export function pollingStepId(side: Side): string {
  return `prepare:polling-${side}`;
}
