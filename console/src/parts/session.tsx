import { useState, type ReactNode } from 'react';
import { clockText } from '../pure/format.ts';
import { useStore } from '../state/hooks.ts';
import { whyOf } from '../state/http.ts';

/** Until when somebody is signed in, and the way out. */
export function Session({ untilIso }: { readonly untilIso: string }): ReactNode {
  const store = useStore();
  const [problem, setProblem] = useState<string>();
  const leave = (): void => {
    store.signOut().catch((error: unknown) => setProblem(`You are still signed in. ${whyOf(error)}`));
  };
  return (
    <>
      <p>Signed in until {clockText(Date.parse(untilIso))}.</p>
      {problem === undefined ? null : (
        <p className="banner" role="alert">
          {problem}
        </p>
      )}
      <div className="buttons">
        <button type="button" onClick={leave}>
          Sign out
        </button>
      </div>
    </>
  );
}
