import type { ReactNode } from 'react';
import { clockText } from '../pure/format.ts';
import { hrefOf } from '../pure/place.ts';
import { nameOf } from '../state/console-state.ts';
import { useConsole, useFreshness } from '../state/hooks.ts';
import { Side } from './side.tsx';

interface Props {
  readonly pages: readonly { readonly route: string; readonly title: string }[];
  readonly route: string;
}

export function Header({ pages, route }: Props): ReactNode {
  const state = useConsole();
  const { caller, chosen, migration, begun, commands } = state;
  const hasBadNews = migration?.open.some(({ state }) => state === 'failed') ?? false;
  const marks: Readonly<Record<string, string | undefined>> = {
    '': hasBadNews || commands[0]?.state === 'failed' ? '!' : undefined,
  };
  return (
    <header className="top">
      <div className="brand">
        <span className="logo" aria-hidden="true">
          <i />
          <i />
        </span>
        <span className="brand-name">{nameOf(state)}</span>
        {begun === true && migration !== undefined ? (
          <span className="brand-live">
            <Side side={migration.live} /> is live
          </span>
        ) : null}
        <Pulse />
      </div>
      <nav aria-label="Pages">
        <ul>
          {caller?.migrations === undefined || chosen === undefined ? null : (
            <li>
              <a href="#/">All migrations</a>
            </li>
          )}
          {pages.map((page) => (
            <li key={page.route}>
              <a
                href={hrefOf({ migration: chosen, route: page.route })}
                aria-current={page.route === route ? 'page' : undefined}
              >
                {page.title}
                {marks[page.route] === undefined ? null : (
                  <span className="nav-mark" aria-label="needs a look" role="img" />
                )}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </header>
  );
}

/** Whether what is shown is of now. */
function Pulse(): ReactNode {
  const freshness = useFreshness();
  const { connection } = useConsole();
  const said =
    freshness.state === 'live'
      ? 'Up to date'
      : freshness.state === 'waiting'
        ? 'Connecting'
        : `Silent since ${clockText(freshness.sinceMs)}`;
  return (
    <span
      className="pulse"
      data-state={freshness.state}
      title={connection === 'open' ? 'The stream of events is open' : 'The stream of events is closed'}
    >
      <i aria-hidden="true" />
      <span role="status">{said}</span>
    </span>
  );
}
