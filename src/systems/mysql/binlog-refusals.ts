import { TealError } from '../../kernel/errors.ts';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { StopReason } from '../../wire/mysql/binlog/stream.ts';

const unreadTexts: Readonly<Record<Exclude<StopReason, 'incident' | 'statementFormat'>, string>> = {
  xa: 'a prepared transaction (XA)',
  partialRows: 'parts of rows (binlog_row_value_options, or an event in several pieces)',
  encrypted: 'an encrypted part, which the server should have decrypted',
  taggedGtid: 'a GTID with a tag',
  unknownEvent: 'an event of a kind that Teal does not know',
};

/** What Teal does not read. */
export function unread(reason: keyof typeof unreadTexts, type?: number): TealError {
  return new TealError('TEAL-SYSTEMS-324', `the binlog holds ${unreadTexts[reason]}`, { type });
}

export function notLogged(table: TableName, text: string): TealError {
  return new TealError('TEAL-SYSTEMS-325', text, { table: tableKey(table) });
}

export function notTransactional(): TealError {
  return new TealError('TEAL-SYSTEMS-326', 'a table that cannot roll back was changed');
}
