import type { CapturedMessage } from './format.ts';

/** Why a unit is not recorded. */
export type LeftOut =
  | 'too long'
  | 'a function call'
  | 'a copy of rows'
  | 'not understood'
  | 'a parameter in parts'
  | 'a cursor'
  | 'another command';

/** Where a recorder writes what it has recorded. */
export interface RecorderDesk<Redacts> {
  /** Nothing is recorded any more. */
  readonly isOver: boolean;
  readonly redactor: Redacts | undefined;
  /** False when there is no room for it. */
  ask(session: string, unit: number, messages: readonly CapturedMessage[], sinceMs: number): boolean;
  done(session: string, unit: number, ms: number, error: string | undefined): void;
  close(session: string): void;
  leaveOut(why: LeftOut): void;
  drop(): void;
}
