import type { HttpBindings } from '@hono/node-server';
import type { FailureRate } from '../kernel/failure-limits.ts';
import type { Session } from './sign-in/sessions.ts';
import type { Caller } from './tokens.ts';

/** What is known of a request while it passes. */
export interface ApiEnvironment {
  Bindings: Partial<HttpBindings>;
  Variables: {
    caller: Caller;
    /** Of a caller who has signed in. */
    session: Session | undefined;
    /** Whether the caller would still be let in: for what goes on for long. */
    isLetIn: () => boolean;
  };
}

/** Requests of one address that fail for their token, their session or their sign-in. */
export const refusals: FailureRate = { burst: 20, everyMs: 2_000 };
