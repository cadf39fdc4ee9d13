import { useState, type ReactNode } from 'react';
import { Card } from '../parts/card.tsx';
import { ProviderSignIn } from '../parts/provider-sign-in.tsx';
import { Session } from '../parts/session.tsx';
import { TokenForm } from '../parts/token-form.tsx';
import { clockText } from '../pure/format.ts';
import { useConsole, useStore } from '../state/hooks.ts';
import { forgetToken, keepTheme, keptTheme, keptToken, type Theme } from '../state/settings.ts';

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

/** How it looks, who you are, and what it is connected to. */
export function SettingsPage(): ReactNode {
  const store = useStore();
  const { caller, connection, heardMs, lostBecause } = useConsole();
  const [theme, setTheme] = useState(keptTheme);
  const leave = (): void => {
    forgetToken();
    store.begin(undefined);
  };
  return (
    <div className="columns">
      <Card title="Look">
        <fieldset className="choices">
          <legend className="unseen">Colours</legend>
          {themes.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name="theme"
                checked={theme === value}
                onChange={() => {
                  keepTheme(value);
                  setTheme(value);
                }}
              />
              {label}
            </label>
          ))}
        </fieldset>
      </Card>
      <Card title="Who you are">
        <dl className="facts">
          <dt>Name</dt>
          <dd>{caller?.name ?? '–'}</dd>
          <dt>Roles</dt>
          <dd>{caller?.roles.join(', ') ?? '–'}</dd>
        </dl>
        {caller?.session === undefined ? <ProviderSignIn /> : <Session untilIso={caller.session.untilIso} />}
        <TokenForm />
        {keptToken() === undefined ? null : (
          <div className="buttons">
            <button type="button" onClick={leave}>
              Forget the token
            </button>
          </div>
        )}
      </Card>
      <Card title="Connection">
        <dl className="facts">
          <dt>Server</dt>
          <dd>{location.host}</dd>
          <dt>Teal</dt>
          <dd>{caller?.version ?? '–'}</dd>
          <dt>Stream</dt>
          <dd>
            {connection === 'open' ? 'open' : connection === 'lost' ? `lost. ${lostBecause ?? ''}` : 'connecting'}
          </dd>
          <dt>Heard last</dt>
          <dd>{heardMs === undefined ? '–' : clockText(heardMs)}</dd>
        </dl>
        <p className="quiet">
          <a href="openapi.json">What the API can be asked</a>
        </p>
      </Card>
    </div>
  );
}
