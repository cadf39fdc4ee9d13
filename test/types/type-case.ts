import type { MatrixValue } from '../../tools/type-matrix-page.ts';
import type { Form } from './forms.ts';

/** A value as SQL, and what the page calls it where the SQL is too long or says too little. */
export type Value = MatrixValue;

export interface TypeCase {
  /** As in CREATE TABLE of the source. */
  readonly type: string;
  /** How both sides show what they hold, so that equal values are equal texts. */
  readonly form: Form;
  /** What the type holds. The first is an ordinary one, then its ends, empty ones, and those that one tool or another has written wrongly. NULL is always one. */
  readonly values: readonly Value[];
  /** Its key is in a table by itself: what that stops must not stop the others. */
  readonly keyApart?: true;
  /** What is none of its values, written as loosely as the server lets a session write. */
  readonly malformed: readonly Malformed[];
}

export interface Malformed {
  readonly value: Value;
  /** What the server stores instead, in the case's form: a value of the type. Absent: it may be stored as it is. */
  readonly becomes?: string | null;
  /** What a policy of the user's makes of it, in the case's form. Absent: no policy is about it. */
  readonly policy?: { readonly called: 'null' | 'remove'; readonly makes: string | null };
}
