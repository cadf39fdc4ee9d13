/** What this browser keeps: how the page looks, and the token, if it is told to. */
export type Theme = 'system' | 'light' | 'dark';

const themeKey = 'teal.theme';
const tokenKey = 'teal.token';
const placeKey = 'teal.place';

export function keptTheme(): Theme {
  const kept = localStorage.getItem(themeKey);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function keepTheme(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(themeKey);
  else localStorage.setItem(themeKey, theme);
  showTheme(theme);
}

export function showTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** Of this tab first, then what the browser was told to remember. */
export function keptToken(): string | undefined {
  return sessionStorage.getItem(tokenKey) ?? localStorage.getItem(tokenKey) ?? undefined;
}

export function isRemembered(): boolean {
  return localStorage.getItem(tokenKey) !== null;
}

export function keepToken(token: string, remember: boolean): void {
  forgetToken();
  (remember ? localStorage : sessionStorage).setItem(tokenKey, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(tokenKey);
  localStorage.removeItem(tokenKey);
}

/** Before the browser goes to the provider: the page that is looked at, for when it comes back. */
export function keepPlace(): void {
  sessionStorage.setItem(placeKey, location.hash);
}

/** Once, after it has come back. */
export function goToKeptPlace(): void {
  const place = sessionStorage.getItem(placeKey);
  sessionStorage.removeItem(placeKey);
  if (place?.startsWith('#/') === true && location.hash === '') history.replaceState(null, '', place);
}
