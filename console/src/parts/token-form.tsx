import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { useStore } from '../state/hooks.ts';
import { isRemembered, keepToken } from '../state/settings.ts';

/** Takes a token, and begins anew with it. */
export function TokenForm(): ReactNode {
  const store = useStore();
  const [token, setToken] = useState('');
  const [remember, setRemember] = useState(isRemembered);
  const ids = { token: useId(), remember: useId() };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    keepToken(token.trim(), remember);
    store.begin(token.trim());
    setToken('');
  };
  return (
    <form onSubmit={submit} className="token-form">
      <div className="field">
        <label htmlFor={ids.token}>Token</label>
        <input
          id={ids.token}
          type="password"
          value={token}
          required
          autoComplete="current-password"
          spellCheck={false}
          onChange={(event) => setToken(event.target.value)}
        />
      </div>
      <div className="field check">
        <input
          id={ids.remember}
          type="checkbox"
          checked={remember}
          onChange={(event) => setRemember(event.target.checked)}
        />
        <label htmlFor={ids.remember}>Keep it in this browser when the tab is closed</label>
      </div>
      <div className="buttons">
        <button type="submit" className="primary">
          Use this token
        </button>
      </div>
    </form>
  );
}
