import { must } from '../kernel/assert.ts';
import { tableFacts, tableKey, type Table } from '../model/catalog.ts';
import type { CopyRange, CopyRun, CopyTarget, CopyWriter, DoneRange, RowStream } from '../ports/snapshot-source.ts';

/**
 * A target that calls tables and columns otherwise, for a copy that knows the source's names alone. `tables`: of each table of the source the target's, with the same number (by which the
 * target keeps its records) and its columns in the same order.
 */
export function translatedTarget(target: CopyTarget, tables: readonly (readonly [Table, Table])[]): CopyTarget {
  const there = new Map(tables.map(([own, other]) => [tableKey(own), other]));
  const own = new Map(tables.map(([table, other]) => [tableKey(other), table]));
  const otherOf = (table: Table): Table =>
    must(there.get(tableKey(table)), 'the table of the target', tableFacts(table));
  const linkedOf = (group: ReadonlySet<string>): ReadonlySet<string> =>
    new Set(
      [...group].flatMap((name) => {
        const other = there.get(name);
        return other === undefined ? [] : [tableKey(other)];
      }),
    );
  const runOf = ({ linked, ...run }: CopyRun): CopyRun => ({
    ...run,
    tables: run.tables.map(otherOf),
    ...(linked === undefined ? {} : { linked: linked.map(linkedOf) }),
  });
  const inOwn = (done: readonly DoneRange[]): readonly DoneRange[] =>
    done.map((range) => ({ ...range, table: must(own.get(tableKey(range.table)), 'the table of a range') }));
  return {
    begin: async (run, signal) => inOwn(await target.begin(runOf(run), signal)),
    done: async (some) => inOwn(await target.done(some.map(otherOf))),
    epoch: async () => target.epoch(),
    open: async (run, signal): Promise<CopyWriter> => {
      const writer = await target.open(runOf(run), signal);
      return {
        write: async (range: CopyRange, rows: RowStream) =>
          writer.write({ ...range, table: otherOf(range.table) }, rows),
        [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
      };
    },
  };
}
