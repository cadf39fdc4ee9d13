import { isSelected, type TableSelection } from '../model/table-selection.ts';
import type { ChangeSource } from '../ports/change-source.ts';

/** The source of a flow as plain data, which passes to a thread. */
export type SourceDescription =
  | {
      readonly system: 'postgres';
      readonly method: 'log';
      readonly slot: string;
      readonly publication: string;
      /** See `PostgresSourceOptions.binary`. */
      readonly binary: boolean;
    }
  | { readonly system: 'postgres'; readonly method: 'triggers' }
  | { readonly system: 'postgres'; readonly method: 'polling'; readonly everyMs: number }
  | {
      readonly system: 'mysql';
      readonly method: 'log';
      readonly tables: TableSelection;
      readonly database?: string;
    }
  | { readonly system: 'mysql'; readonly method: 'triggers' }
  | { readonly system: 'mysql'; readonly method: 'polling'; readonly everyMs: number };

export interface OpenSourceOptions {
  readonly url: string;
  readonly stream: string;
  /** Whether Teal wrote under this origin. */
  readonly isOwn: (origin: string) => boolean;
}

/** Only the adapter that is needed is loaded: a thread has its own copy of what it loads. */
export async function openSource(
  description: SourceDescription,
  { url, stream, isOwn }: OpenSourceOptions,
): Promise<ChangeSource> {
  const applicationName = `teal receive ${stream}`;
  if (description.system === 'postgres') {
    if (description.method === 'polling') {
      const { triggerSource } = await import('../systems/postgres/trigger-source/source.ts');
      const { poll } = await import('../systems/postgres/polling/poll.ts');
      return triggerSource({ url, applicationName, gather: { everyMs: description.everyMs, work: poll } });
    }
    if (description.method === 'triggers') {
      // What Teal wrote is not recorded, but for its own tables.
      const { triggerSource } = await import('../systems/postgres/trigger-source/source.ts');
      return triggerSource({ url, applicationName });
    }
    const { postgresSource } = await import('../systems/postgres/source.ts');
    const { slot, publication, binary } = description;
    return postgresSource({ url, slot, publication, applicationName, isOwn, binary });
  }
  if (description.method !== 'log') {
    const { triggerSource } = await import('../systems/mysql/trigger-source/source.ts');
    if (description.method === 'triggers') return triggerSource({ url, applicationName });
    const { pollsOf } = await import('../systems/mysql/polling/poll.ts');
    return triggerSource({ url, applicationName, gather: { everyMs: description.everyMs, work: pollsOf(url) } });
  }
  const { mysqlSource } = await import('../systems/mysql/source.ts');
  const { readFormsOf } = await import('../systems/mysql/schema-forms.ts');
  const { tables, database } = description;
  return mysqlSource({
    url,
    applicationName,
    replica: `teal_${stream}`,
    isOwn,
    isWanted: (table) => isWanted(table, tables, database),
    formsOf: readFormsOf,
  });
}

/** A binlog is of the whole server: tables of the migration are those that the file selects, in the database of the address where that names one. */
export function isWanted(
  table: { readonly schema: string; readonly name: string },
  tables: TableSelection,
  database: string | undefined,
): boolean {
  return (database === undefined || table.schema === database) && isSelected(table, tables);
}
