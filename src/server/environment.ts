import type { HttpBindings } from '@hono/node-server';
import type { FailureRate } from '../kernel/failure-limits.ts';
import type { Session } from './sign-in/sessions.ts';
import type { Caller } from './tokens.ts';

/** How a wanted call was answered. */
export interface AnsweredCall {
  readonly by: string;
  readonly call: string;
  readonly role: string;
  /** `accepted`, or the code of the refusal. */
  readonly answer: string;
}

/** Where answered calls go. `note` neither waits nor throws. */
export interface CallNotes {
  note(call: AnsweredCall): void;
}

/** What a caller wants to be done: set by a route as soon as it knows, before anything is judged. */
export interface WantedCall {
  /** Of a set that is small: what a client makes up is not in it. */
  readonly call: string;
  /** The roles that it takes, as text. */
  readonly role: string;
  /** That it was let in is written with what it does. */
  readonly recorded: boolean;
  /** Of the migration that it is asked of. */
  readonly calls: CallNotes;
}

/** What is known of a request while it passes. */
export interface ApiEnvironment {
  Bindings: Partial<HttpBindings>;
  Variables: {
    caller: Caller;
    /** Of a caller who has signed in. */
    session: Session | undefined;
    /** Whether the caller would still be let in: for what goes on for long. */
    isLetIn: () => boolean;
    /** Of a call that is to change something, once it is known what. */
    wanted?: WantedCall;
  };
}

/** Requests of one address that fail for their token, their session or their sign-in. */
export const refusals: FailureRate = { burst: 20, everyMs: 2_000 };
