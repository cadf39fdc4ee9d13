import type { ReactNode } from 'react';
import { useAnswer } from '../state/hooks.ts';
import { forgetToken, keepPlace } from '../state/settings.ts';
import type { SignInAnswer } from '../types.ts';

/** The way to the provider, where there is one. A token that was kept is forgotten: it would count for more than the session. */
export function ProviderSignIn(): ReactNode {
  const { data } = useAnswer<SignInAnswer>('api/v1/sign-in', 0);
  const leave = (): void => {
    forgetToken();
    keepPlace();
  };
  if (data?.provider === undefined) return null;
  return (
    <div className="provider">
      <a className="button" href="auth/sign-in" onClick={leave}>
        Sign in with {data.provider}
      </a>
      <p className="quiet">or with a token:</p>
    </div>
  );
}
