import { useState, type ReactNode } from 'react';
import { hrefOf } from '../pure/place.ts';
import type { Action } from '../pure/situation.ts';
import { useConsole, useFreshness } from '../state/hooks.ts';
import type { CallerAnswer, CommandName } from '../types.ts';
import { ApproveDialog } from './approve-dialog.tsx';
import { CommandDialog } from './command-dialog.tsx';
import { StopDialog } from './stop-dialog.tsx';

type Role = CallerAnswer['roles'][number];
interface Kind {
  readonly label: string;
  /** All of them. */
  readonly roles: readonly Role[];
}

const kinds: Readonly<Record<Action, Kind>> = {
  up: { label: 'Run the migration', roles: ['cut'] },
  verify: { label: 'Compare both sides', roles: ['operate'] },
  cutover: { label: 'Cut over', roles: ['approve', 'cut'] },
  rollback: { label: 'Roll back', roles: ['cut'] },
  approve: { label: 'Say yes', roles: ['approve'] },
  stop: { label: 'Stop it', roles: [] },
};

/** What can be done now; whoever may not is told what is lacking. */
export function Actions({ actions }: { readonly actions: readonly Action[] }): ReactNode {
  const { caller, chosen, commands, gates } = useConsole();
  const freshness = useFreshness();
  const [open, setOpen] = useState<Action>();
  const close = (): void => setOpen(undefined);
  const running = commands.find(({ state }) => state === 'running');
  const gate = gates?.gates.find(({ person, given }) => person !== undefined && given === undefined);
  const lacking = [...new Set(actions.flatMap((action) => lacks(caller, kinds[action].roles)))];
  if (actions.length === 0) return null;
  return (
    <div className="actions">
      <div className="buttons">
        {actions.map((action, at) => (
          <button
            key={action}
            type="button"
            className={at === 0 ? 'primary' : undefined}
            disabled={freshness.state !== 'live' || lacks(caller, kinds[action].roles).length > 0}
            onClick={() => setOpen(action)}
          >
            {kinds[action].label}
          </button>
        ))}
      </div>
      {lacking.length === 0 ? null : (
        <p className="quiet">
          {caller?.session === undefined ? 'Your token has not' : 'You have not'} the role {lacking.join(', ')}:{' '}
          <code>teal serve --new-token {lacking.join(',')} NAME</code> makes a token that has, and{' '}
          <a href={hrefOf({ migration: chosen, route: 'settings' })}>Settings</a> takes it.
        </p>
      )}
      {open !== undefined && isCommand(open) ? <CommandDialog command={open} onClose={close} /> : null}
      {open === 'approve' && gate !== undefined ? <ApproveDialog gate={gate} onClose={close} /> : null}
      {open === 'stop' && running !== undefined ? <StopDialog command={running} onClose={close} /> : null}
    </div>
  );
}

function isCommand(action: Action): action is CommandName {
  return action !== 'approve' && action !== 'stop';
}

export function lacks(caller: CallerAnswer | undefined, roles: readonly Role[]): readonly Role[] {
  return roles.filter((role) => caller?.roles.includes(role) !== true);
}
