import { z } from '@hono/zod-openapi';
import { migrationSchema } from './schemas.ts';
import { roles } from './tokens.ts';

/** What the web console reads beside the routes of `schemas.ts`, by the same rules: names, counts, positions and durations, never a row's values, never a secret. */

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();
const iso = z.iso.datetime();
const count = z.number().min(0);
const answer = z.enum(['yes', 'no', 'not yet', 'cannot tell', 'not asked yet']);

export const callerSchema = z
  .strictObject({
    name: z.string(),
    roles: list(z.enum(roles)),
    version: z.string().describe('of Teal'),
    migration: z.string().describe('the name in the file; where several are served all names, with commas'),
    migrations: list(z.string())
      .optional()
      .describe('the names, where several are served; absent where paths need none'),
    session: z
      .strictObject({ untilIso: iso.describe('when it ends, whatever is done in it') })
      .optional()
      .describe('of a person who has signed in; absent where a token says who asks'),
  })
  .openapi('Caller');

export const signInSchema = z
  .strictObject({
    provider: z
      .string()
      .optional()
      .describe('host of the provider; `/auth/sign-in` sends a browser there. Absent: tokens alone let in'),
  })
  .openapi('SignIn');

export const signOutSchema = z
  .strictObject({ ended: z.boolean().describe('false: there was no session, as where a token says who asks') })
  .openapi('SignOut');

export const gatesSchema = z
  .strictObject({
    gates: list(
      z.strictObject({
        gate: z.string().describe('as approvals name it'),
        asks: z.string(),
        person: z.string().optional().describe('whom the file names, of a gate that asks a person'),
        answer,
        evidence: z.string(),
        atIso: iso.optional().describe('since when this is the answer'),
        given: z
          .strictObject({ by: z.string(), atIso: iso, comment: z.string().optional() })
          .optional()
          .describe('the yes of a person'),
      }),
    ).describe('in the order of the file'),
  })
  .openapi('Gates');

const comparedTable = z.strictObject({
  certificate: z.string(),
  atIso: iso,
  outcome: z.enum(['equal', 'differs', 'absent', 'unsettled']),
  reason: z.string().optional(),
  rows: z.strictObject({ blue: z.string(), green: z.string() }).optional(),
});

export const migrationsSchema = z
  .strictObject({
    migrations: list(
      z.strictObject({
        name: z.string().describe('in the file, and in its paths; of a file that cannot be read the name of that'),
        begun: z.boolean().describe('false before the first `teal up`'),
        migration: migrationSchema
          .optional()
          .describe('absent before the first `teal up`, and where it cannot be told'),
        gates: gatesSchema.optional(),
        problem: z
          .strictObject({ code: z.string(), title: z.string(), doThis: z.string() })
          .optional()
          .describe('why something of it cannot be told'),
      }),
    ),
  })
  .openapi('Migrations');

export const tablesSchema = z
  .strictObject({
    moves: z.enum(['tables', 'topics']),
    copied: z.enum(['not yet', 'now', 'yes', 'undone']).describe('of all; `copying` tells what is read at this moment'),
    copying: list(z.strictObject({ table: z.string(), share: z.number().min(0).max(1) })),
    tables: list(
      z.strictObject({
        table: z.string(),
        rows: count.optional().describe('an estimate, of when the migration began'),
        bytes: count.optional().describe('with indexes, on blue, of when the migration began'),
        columns: count.optional(),
        toldApartBy: z
          .string()
          .optional()
          .describe('columns of the key; `all columns` or `nothing` where there is none'),
        compared: comparedTable.optional().describe('by the newest certificate'),
      }),
    ).describe('largest first; empty before the first `teal up`'),
  })
  .openapi('Tables');

const latency = z.strictObject({ p50Ms: count.optional(), p95Ms: count.optional(), p99Ms: count.optional() });
const shadowCounts = {
  compared: count,
  equal: count,
  lag: count,
  volatile: count,
  real: count,
  unsettled: count,
  unanswered: count,
};

const shadowTally = {
  ...shadowCounts,
  share: z.number().min(0).max(1),
  shed: count,
  skipped: z.record(z.string(), count).readonly(),
  statements: list(
    z.strictObject({
      ...shadowCounts,
      statement: z.string().describe('with `?` for every literal and parameter'),
      example: z
        .strictObject({
          kind: z.enum(['error', 'columns', 'count', 'rows', 'order']),
          blue: z.string(),
          green: z.string(),
          atIso: iso,
        })
        .optional(),
      blue: latency,
      green: latency,
      slower: z.boolean(),
    }),
  ).describe('real differences first'),
};

export const shadowSchema = z
  .strictObject({
    asked: z.boolean().describe('the file wants reads or writes to be compared'),
    found: z
      .strictObject({
        ...shadowTally,
        watchedMs: count,
        sessionsLeftOut: count,
        scratch: z.string().optional().describe('the database where writes are tried; absent: green'),
        writes: z
          .strictObject(shadowTally)
          .describe(
            'repeated on green and rolled back, or on a copy of it; `real`: green refuses what blue has accepted',
          ),
      })
      .optional()
      .describe('of reads, and within it of writes; absent where no proxy answers'),
  })
  .openapi('Shadow');

export const canarySchema = z
  .strictObject({
    asked: z.boolean().describe('the file wants green to answer reads'),
    found: z
      .strictObject({
        share: z.number().min(0).max(1).describe('of sessions; 0: every read goes to blue'),
        paused: z.boolean().describe('by a person'),
        heldMs: count.describe('since the share was set'),
        sessions: count.describe('whose reads go to green'),
        waiting: count.describe('sessions of the share whose state is not on green yet'),
        reads: count.describe('answered by green, since the share was set'),
        errors: count.describe('refused by green and answered by blue'),
        unanswered: count.describe('not answered by green in its time, and answered by blue'),
        behind: count.describe('answered by blue, as green had not applied what the session wrote'),
        notReady: count.describe('answered by blue, as the state of the session was not on green'),
        leftOut: count.describe('answered by blue, for types that the client would not know'),
        tenants: z
          .strictObject({
            side: z.enum(['blue', 'green']).describe('where they read and write'),
            holding: z.boolean().describe('their sessions wait, as they move'),
            sessions: count,
            judged: z.boolean().describe('a command runs that looks after them; on green they need one'),
          })
          .optional()
          .describe('of `canary.writes`; absent where the file has none and all are on blue'),
        statements: list(
          z.strictObject({
            statement: z.string().describe('with `?` for every literal and parameter'),
            blue: latency,
            green: latency,
            errors: count,
            lastError: z.string().optional().describe('SQLSTATE'),
            unanswered: count,
            slower: z.string().optional().describe('what says that green is slower, where it is'),
          }),
        ).describe('those that failed first'),
      })
      .optional()
      .describe('absent where no proxy answers'),
  })
  .openapi('Canary');

const ratesOfFlow = z.strictObject({
  lagMs: count.optional().describe('absent until a heartbeat has come through'),
  lagBytes: count,
  changesPerSecond: count,
});

export const rateHistorySchema = z
  .strictObject({
    everyMs: count,
    points: list(
      z.strictObject({
        atMs: z.int().describe('milliseconds since 1970'),
        forward: ratesOfFlow.optional(),
        reverse: ratesOfFlow.optional(),
        proxy: z
          .strictObject({
            queries: count.describe('since the proxy began'),
            clients: count,
            inFlight: count,
            longestWaitMs: count.optional(),
          })
          .optional(),
      }),
    ).describe('oldest first, of the last quarter of an hour at most; where nothing could be asked there is none'),
  })
  .openapi('RateHistory');

export type CallerAnswer = z.infer<typeof callerSchema>;
export type MigrationsAnswer = z.infer<typeof migrationsSchema>;
export type SignInAnswer = z.infer<typeof signInSchema>;
export type GatesAnswer = z.infer<typeof gatesSchema>;
export type TablesAnswer = z.infer<typeof tablesSchema>;
export type ShadowAnswer = z.infer<typeof shadowSchema>;
export type CanaryAnswer = z.infer<typeof canarySchema>;
export type RateHistoryAnswer = z.infer<typeof rateHistorySchema>;
export type RatePoint = RateHistoryAnswer['points'][number];
