import type { ReactNode } from 'react';
import type { Answer } from '../state/hooks.ts';

interface Props<T> {
  readonly answer: Answer<T>;
  readonly what: string;
  readonly children: (data: T) => ReactNode;
}

/** What was answered; or that it is asked, or why it could not be. An answer from before stays, and the failure is said above it. */
export function Answered<T>({ answer, what, children }: Props<T>): ReactNode {
  const { data, problem, isLoading, again } = answer;
  return (
    <>
      {problem === undefined ? null : (
        <p className="banner" role="alert">
          {problem}{' '}
          <button type="button" className="link" onClick={again}>
            Ask again
          </button>
        </p>
      )}
      {data === undefined && isLoading ? <p className="quiet">Asking for {what} …</p> : null}
      {data === undefined ? null : children(data)}
    </>
  );
}
