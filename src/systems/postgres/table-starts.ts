import { must } from '../../kernel/assert.ts';
import { asPosition, type Position } from '../../model/position.ts';
import { connect } from './connection.ts';

/**
 * The position whose snapshot each table of a target was copied from, by the table's number on the source, as the copy's own records say, which were
 * committed together with the rows. Positions are the source's, whatever it is: opaque here, and ordered as bytes. Empty where no copy has come.
 */
export async function readTableStarts(url: string, signal: AbortSignal): Promise<ReadonlyMap<number, Position>> {
  await using connection = await connect({ url, applicationName: 'teal', signal });
  const { rows } = await connection.query(
    `select rel::text as rel, max(snap collate "C") as start from teal.chunk group by rel`,
  );
  return new Map(rows.map((row) => [Number(row['rel']), asPosition(must(row['start'], 'a start'))]));
}
