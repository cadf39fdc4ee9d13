import { useState, type ReactNode } from 'react';
import { adviceOf } from '../state/http.ts';
import { useStore } from '../state/hooks.ts';
import type { CommandAnswer } from '../types.ts';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

export function StopDialog({
  command,
  onClose,
}: {
  readonly command: CommandAnswer;
  readonly onClose: () => void;
}): ReactNode {
  const store = useStore();
  const [failure, setFailure] = useState<string>();
  const stop = (): void => {
    store.stop(command.id).then(onClose, (error: unknown) => {
      setFailure(adviceOf(error));
    });
  };
  return (
    <Dialog title={`Stop ${command.command}`} onClose={onClose}>
      <p>
        It ends between two steps, as Ctrl-C would end it in a terminal. What it did stays, flows and proxy go on, and
        the next run goes on from there.
      </p>
      <Failure text={failure} />
      <div className="buttons">
        <button type="button" onClick={onClose}>
          Let it run
        </button>
        <button type="button" className="danger" onClick={stop}>
          Stop it
        </button>
      </div>
    </Dialog>
  );
}
