import { useState, type ReactNode } from 'react';
import { countText, plural } from '../pure/format.ts';
import type { Repair } from '../types.ts';

interface Props {
  readonly table: string;
  readonly repair: Repair;
}

/** What would make the shown rows of a table equal, for whoever wants to look at it, or to run it by hand. */
export function RepairSql({ table, repair: { on, rows, of, sql } }: Props): ReactNode {
  return (
    <details className="repair">
      <summary>
        SQL for {on} that repairs {rows.length < of ? `${countText(rows.length)} of ` : ''}
        {plural(of, 'row')} of {table}
      </summary>
      <ul className="lines">
        {rows.map(({ key, what, columns }) => (
          <li key={`${what} ${JSON.stringify(key)}`}>
            {keyText(key)}:{' '}
            {what === 'different' ? `${columns.join(', ')} differ${columns.length === 1 ? 's' : ''}` : what}
          </li>
        ))}
      </ul>
      <pre tabIndex={0} aria-label={`SQL for ${on} that repairs ${table}`}>
        <code>{sql}</code>
      </pre>
      <Copy text={sql} />
      <p className="quiet">
        Run on {on}, as a superuser or administrator, it does nothing to a row that has changed since the comparison,
        and Teal does not take it for a write of a client. It does not wait for the flow: <code>teal verify --fix</code>{' '}
        compares again, repairs all rows while the flow stands still at one position, and proves it.
      </p>
    </details>
  );
}

/** A page that did not come by https or from this machine may not use the clipboard: the text can be marked there. */
function Copy({ text }: { readonly text: string }): ReactNode {
  const [said, setSaid] = useState('');
  const { clipboard } = navigator as { readonly clipboard?: Clipboard };
  if (clipboard === undefined) return null;
  const copy = (): void => {
    clipboard.writeText(text).then(
      () => setSaid('Copied.'),
      () => setSaid('The browser did not allow it: mark the text instead.'),
    );
  };
  return (
    <div className="buttons">
      <button type="button" onClick={copy}>
        Copy
      </button>
      <span role="status">{said}</span>
    </div>
  );
}

export function keyText(key: Readonly<Record<string, string | null>>): string {
  return Object.entries(key)
    .map(([name, value]) => `${name} = ${value ?? 'NULL'}`)
    .join(', ');
}
