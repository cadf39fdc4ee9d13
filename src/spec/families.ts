import type { Moved } from '../kernel/vocabulary.ts';

/** Systems whose clients speak one protocol. */
export type Family = 'postgres' | 'mysql' | 'kafka';

export function familyOf(system: 'postgres' | 'mysql' | 'mariadb' | 'kafka'): Family {
  return system === 'mariadb' ? 'mysql' : system;
}

export function movedIn(family: Family): Moved {
  return family === 'kafka' ? 'topics' : 'tables';
}

/** For people: why clients cannot be carried between two systems of different families. */
export function noProxyBetween(blue: string, green: string): string {
  return `from ${blue} to ${green} no proxy can carry clients: it would have to translate between two protocols`;
}
