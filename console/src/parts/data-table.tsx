import type { ReactNode } from 'react';

export interface ColumnOf<T> {
  readonly title: string;
  readonly cell: (row: T) => ReactNode;
  /** Numbers stand to the right, digit below digit. */
  readonly isNumber?: boolean;
  /** The one that names the row. */
  readonly isName?: boolean;
}

interface Props<T> {
  readonly caption: string;
  readonly columns: readonly ColumnOf<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
}

/** A table that scrolls by itself where it is too wide, by keyboard too; on a phone each row is a block. */
export function DataTable<T>({ caption, columns, rows, keyOf }: Props<T>): ReactNode {
  return (
    <div className="table-place" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" className={isNumber === true ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, isNumber, isName }) =>
                isName === true ? (
                  <th key={title} scope="row">
                    {cell(row)}
                  </th>
                ) : (
                  <td key={title} data-title={title} className={isNumber === true ? 'number' : undefined}>
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
