import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { adviceOf } from '../state/http.ts';
import { useStore } from '../state/hooks.ts';
import type { GatesAnswer } from '../types.ts';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

type Gate = GatesAnswer['gates'][number];

export function ApproveDialog({ gate, onClose }: { readonly gate: Gate; readonly onClose: () => void }): ReactNode {
  const store = useStore();
  const [comment, setComment] = useState('');
  const [failure, setFailure] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const id = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setAsking(true);
    store.approve(gate.gate, comment).then(onClose, (error: unknown) => {
      setFailure(adviceOf(error));
      setAsking(false);
    });
  };
  return (
    <Dialog title={`Say yes for ${gate.person ?? gate.gate}`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          <q>{gate.asks}</q> Your yes is kept in the journal under your name. It holds for one cut to green, and starts
          nothing: the next run cuts over once all other gates say yes too.
        </p>
        <div className="field">
          <label htmlFor={id}>A word about it, if you like</label>
          <input id={id} value={comment} maxLength={1_000} onChange={(event) => setComment(event.target.value)} />
        </div>
        <Failure text={failure} />
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="primary" disabled={isAsking}>
            Yes
          </button>
        </div>
      </form>
    </Dialog>
  );
}
