import { hostname, userInfo } from 'node:os';

/** Who is at the terminal, for the journal: `ada@host`. */
export function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}
