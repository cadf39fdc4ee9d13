import type { ReactNode } from 'react';
import { countText, percentText } from '../pure/format.ts';
import type { Cause } from '../types.ts';
import { Tag } from './card.tsx';
import { keyText } from './repair.tsx';

interface Props {
  readonly table: string;
  readonly causes: readonly Cause[];
}

/** Why rows of a table probably differ: the surest first, with what shows it. */
export function Causes({ table, causes }: Props): ReactNode {
  return (
    <ul className="lines" aria-label={`Probable causes in ${table}`}>
      {causes.map((cause) => (
        <li key={`${cause.cause} ${cause.what} ${cause.columns.join()}`}>
          <Tag tone="waits">{cause.cause}</Tag> <b>{table}</b>: {cause.says}
          <span className="line-more">
            {countText(cause.count)} of {countText(cause.of)} rows, {cause.what}
            {cause.columns.length === 0 ? '' : `, by ${cause.columns.join(', ')}`}; {sureText(cause.confidence)} sure
          </span>
          {cause.sql === undefined && cause.examples === undefined ? null : <Evidence cause={cause} />}
        </li>
      ))}
    </ul>
  );
}

/** Nothing that is found by looking at rows is quite sure. */
function sureText(confidence: number): string {
  return confidence > 0.99 ? 'over 99%' : percentText(confidence);
}

function Evidence({ cause: { sql, examples } }: { readonly cause: Cause }): ReactNode {
  return (
    <details>
      <summary>What shows it</summary>
      {examples === undefined ? null : <p className="quiet">For example: {examples.map(keyText).join('; ')}</p>}
      {sql === undefined ? null : (
        <dl className="facts">
          <dt>On blue</dt>
          <dd>
            <code>{sql.blue}</code>
          </dd>
          <dt>On green</dt>
          <dd>
            <code>{sql.green}</code>
          </dd>
        </dl>
      )}
    </details>
  );
}
