import type { Side, Table } from '../../model/catalog.ts';
import type { Probed, Step } from '../../ports/step.ts';
import type { KeptSession } from './kept-session.ts';
import { dropPublication } from './drop-publication.ts';
import { quoteIdent, quoteTable } from './quote.ts';
import { publishedTealTables } from './teal-schema.ts';

/**
 * The publication of one side: an explicit list of the tables that hold rows, leaf by leaf, and the tables by which the stream itself tells who owns the data.
 * Never FOR ALL TABLES: a table without an identity would refuse the application's updates. It is made before the slot, and never changed while a slot reads
 * from it: adding a table to a live publication loses changes (correctness.md §1.2.3).
 */
export function publicationStep(side: Side, session: KeptSession, name: string, tables: readonly Table[]): Step {
  const members = [
    ...tables.filter((table) => table.kind === 'table' && table.persistence === 'permanent'),
    ...publishedTealTables.map((table) => ({ schema: 'teal', name: table })),
  ];
  return {
    id: publicationStepId(side),
    does: `creates publication ${name} on ${side}, for ${members.length} tables`,
    locks: 'SHARE UPDATE EXCLUSIVE on them for a moment: reads and writes pass',
    costs: 'nothing until a slot reads from it',
    undone: 'the publication is dropped',
    probe: async () =>
      session.use(async (connection): Promise<Probed> => {
        const { rows } = await connection.query(
          `select (select count(*) from pg_publication where pubname = $1) as there,
                (select count(*) from pg_publication_tables t join unnest($2::text[], $3::text[]) as wanted (schema, name)
                   on wanted.schema = t.schemaname and wanted.name = t.tablename where t.pubname = $1) as wanted,
                (select count(*) from pg_publication_tables t where t.pubname = $1) as all`,
          [name, members.map((table) => table.schema), members.map((table) => table.name)],
        );
        const row = rows[0] ?? {};
        if (row['there'] !== '1') return { state: 'not done' };
        const found = `${row['wanted']} of ${members.length} tables, ${row['all']} in all`;
        const whole = row['wanted'] === String(members.length) && row['all'] === String(members.length);
        return whole ? { state: 'done', evidence: found } : { state: 'partly', evidence: found };
      }),
    act: async () => {
      await session.use(async (connection) => {
        await dropPublication(connection, name);
        await connection.query(
          `create publication ${quoteIdent(name)} for table ${members.map((table) => `only ${quoteTable(table)}`).join(', ')}
             with (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)`,
        );
      });
    },
    undo: async () => {
      await session.use(async (connection) => dropPublication(connection, name));
    },
  };
}

export function publicationStepId(side: Side): string {
  return `prepare:publication-${side}`;
}
