import { tableKey, type TableName } from '../../../model/catalog.ts';
import { finding, type Finding } from '../finding.ts';
import { capital, countText } from '../text.ts';

/** Rows of blue that do not fit what green will be, counted. */
export interface UnfitRows {
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly count: bigint;
  /** What they are, without values. */
  readonly meaning: string;
  /** What becomes of them: begins with `stop` where nothing does. */
  readonly policy: string;
  /** Keys of some of them, for a person's eyes. */
  readonly samples: readonly string[];
  readonly cleansing: { readonly statement: string; readonly note: string };
}

/** One finding for each kind of rows. `undefined`: the rows were not read. */
export function checkData(unfit: readonly UnfitRows[] | undefined): readonly Finding[] {
  if (unfit === undefined) {
    return [
      finding('ASSESS-MYSQL-DATA-UNREAD', {
        side: 'blue',
        what: 'The rows of blue were not read.',
        why: 'Values that green cannot hold would stop the copy. `teal assess --profile` reads every row once and counts them.',
      }),
    ];
  }
  return unfit.map((rows) => {
    const stops = rows.policy.startsWith('stop');
    const keys = rows.samples.length === 0 ? '' : ` Some of them: ${rows.samples.join('; ')}.`;
    return finding(stops ? 'ASSESS-MYSQL-DATA-STOPS' : 'ASSESS-MYSQL-DATA-CHANGES', {
      side: 'blue',
      object: `${tableKey(rows.table)} (${rows.columns.join(', ')})`,
      what: `${countText(Number(rows.count))} × ${rows.meaning}.${keys}`,
      why: `${capital(rows.policy)}.`,
      mend: `-- ${rows.cleansing.note}\n${rows.cleansing.statement};`,
    });
  });
}
