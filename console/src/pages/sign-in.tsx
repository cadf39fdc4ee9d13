import type { ReactNode } from 'react';
import { ProviderSignIn } from '../parts/provider-sign-in.tsx';
import { TokenForm } from '../parts/token-form.tsx';
import { useConsole } from '../state/hooks.ts';

/** Where nobody is let in who has not said who it is. */
export function SignIn(): ReactNode {
  const { refused } = useConsole();
  return (
    <main className="sign-in">
      <div className="card">
        <span className="logo" aria-hidden="true">
          <i />
          <i />
        </span>
        <h1>Who are you?</h1>
        <p>
          What is here is shown to people who are known. A token is one way:{' '}
          <code>teal serve --new-token view NAME</code> prints one, once, on the machine that it runs on.
        </p>
        {refused === undefined ? null : (
          <p className="banner" role="alert">
            {refused}
          </p>
        )}
        <ProviderSignIn />
        <TokenForm />
      </div>
    </main>
  );
}
