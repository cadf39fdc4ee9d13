import { useEffect, useId, useState, type FormEvent, type ReactNode } from 'react';
import { nameOf } from '../state/console-state.ts';
import { adviceOf, newKey } from '../state/http.ts';
import { useConsole, useStore } from '../state/hooks.ts';
import type { CommandName, DryRun } from '../types.ts';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

interface Text {
  readonly title: string;
  readonly does: string;
  readonly button: string;
}

const texts: Readonly<Record<CommandName, Text>> = {
  up: {
    title: 'Run the migration',
    does: 'It goes on from where it is: prepares, copies, follows and compares, and stops where a person is asked. Where every gate says yes it cuts over to green.',
    button: 'Run',
  },
  verify: {
    title: 'Compare both sides',
    does: 'Every row of both sides is read at one position and compared. Clients are not held; both servers have work.',
    button: 'Compare',
  },
  cutover: {
    title: 'Cut over to green',
    does: 'Your yes is given to every gate that asks a person, and clients are moved to green: they wait for a moment, and none fails. Blue follows green from then on.',
    button: 'Cut over',
  },
  rollback: {
    title: 'Roll back to blue',
    does: 'Clients are moved back to blue, with every write that green has taken. Green follows blue from then on.',
    button: 'Roll back',
  },
};

/** What changes where clients write asks for the name of the migration. */
const destructive: ReadonlySet<CommandName> = new Set(['cutover', 'rollback']);

/** Says what a command does and what stands in its way, and starts it. */
export function CommandDialog({
  command,
  onClose,
}: {
  readonly command: CommandName;
  readonly onClose: () => void;
}): ReactNode {
  const store = useStore();
  const state = useConsole();
  const [key] = useState(newKey);
  const [dry, setDry] = useState<DryRun>();
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const [acceptSchema, setAcceptSchema] = useState('');
  const [failure, setFailure] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const ids = { name: useId(), reason: useId(), accept: useId() };
  const { title, does, button } = texts[command];
  const wanted = nameOf(state);
  useEffect(() => {
    store.dryRun(command).then(setDry, (error: unknown) => setFailure(adviceOf(error)));
  }, [store, command]);
  // `up` cuts over by itself where nobody is left to be asked.
  const mayCut = command === 'up' && dry?.live === 'blue' && dry.phase !== 'new' && dry.unasked.length === 0;
  const needsName = destructive.has(command) || mayCut;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setAsking(true);
    setFailure(undefined);
    const request = {
      command,
      ...(reason === '' || command !== 'rollback' ? {} : { reason }),
      ...(acceptSchema === '' ? {} : { acceptSchema }),
    };
    store.start(request, key).then(onClose, (error: unknown) => {
      setFailure(adviceOf(error));
      setAsking(false);
    });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{does}</p>
        {command === 'cutover' && dry !== undefined && dry.unasked.length > 0 ? (
          <p>
            You say yes to <strong>{dry.unasked.join(', ')}</strong>.
          </p>
        ) : null}
        {mayCut ? (
          <p className="banner">Nobody is left to be asked: as soon as the other gates say yes, green is live.</p>
        ) : null}
        {dry?.because === undefined ? null : <p className="banner">It would not start: {dry.because}.</p>}
        {command === 'rollback' ? (
          <div className="field">
            <label htmlFor={ids.reason}>Why, for the report</label>
            <input
              id={ids.reason}
              value={reason}
              maxLength={1_000}
              onChange={(event) => setReason(event.target.value)}
            />
          </div>
        ) : null}
        {destructive.has(command) ? (
          <details>
            <summary>Differences between the schemas were accepted</summary>
            <div className="field">
              <label htmlFor={ids.accept}>The digest that TEAL-STAGES-108 told</label>
              <input
                id={ids.accept}
                value={acceptSchema}
                pattern="[0-9a-f]{6,64}"
                onChange={(event) => setAcceptSchema(event.target.value)}
              />
            </div>
          </details>
        ) : null}
        {needsName ? (
          <div className="field">
            <label htmlFor={ids.name}>
              Type <b>{wanted}</b> to go on
            </label>
            <input
              id={ids.name}
              value={name}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              onChange={(event) => setName(event.target.value)}
            />
          </div>
        ) : null}
        <Failure text={failure} />
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button
            type="submit"
            className={destructive.has(command) ? 'danger' : 'primary'}
            disabled={isAsking || (needsName && name !== wanted) || dry === undefined || !dry.wouldStart}
          >
            {button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
