import type { TableName } from '../../../model/catalog.ts';
import { quoteTable } from '../quote.ts';

/** The outbox and the two tables beside it, as SQL names. */
export interface OutboxNames {
  readonly outbox: string;
  readonly letters: string;
  readonly relay: string;
}

export function outboxNames(table: TableName): OutboxNames {
  const beside = (ending: string): string => quoteTable({ schema: table.schema, name: `${table.name}_${ending}` });
  return { outbox: quoteTable(table), letters: beside('dead_letters'), relay: beside('relay') };
}
