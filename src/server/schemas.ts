import { z } from '@hono/zod-openapi';
import { journalEvent } from '../journal/events.ts';
import { differenceCauses } from '../model/difference-causes.ts';
import type { Role } from './tokens.ts';

/**
 * What the API says, as schema values: the same ones check a request, type the code and make /openapi.json. Names, counts, positions and durations; never a
 * secret, and of rows nothing but what `operate` may see of differences: keys, and SQL that repairs. Version 1 of them only grows: a client passes over what it does not know.
 */

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();
const side = z.enum(['blue', 'green']);
const flow = z.enum(['forward', 'reverse']);
const iso = z.iso.datetime();
const count = z.number().min(0);
const perSide = <T extends z.ZodType>(value: T) => z.strictObject({ blue: value, green: value }).readonly();
const failure = z.strictObject({ code: z.string(), reason: z.string() }).readonly();

export const flowSchema = z
  .strictObject({
    flow,
    mode: z.enum(['shadow', 'live']).describe('shadow: everything is read and checked, nothing applied'),
    now: z.union([
      z.strictObject({ state: z.literal('running') }),
      z.strictObject({ state: z.literal('waiting'), code: z.string(), reason: z.string(), position: z.string() }),
      z.strictObject({ state: z.literal('paused'), at: z.string() }),
      z.strictObject({ state: z.literal('failed'), code: z.string(), reason: z.string() }),
    ]),
    received: z.string().describe('position: safe on the disk of Teal'),
    applied: z.string().describe('position: durable on the target'),
    convergesAt: z.string().optional(),
    head: z.string().optional(),
    lagBytes: count,
    lagMs: count.optional().describe('absent until a heartbeat has come through: never a false 0'),
    transactions: count,
    changes: count,
    changesPerSecond: count,
    spoolBytes: count,
    retainedBytes: count.optional(),
    retainedLimitBytes: count.optional(),
    budget: z.enum(['ok', 'warn', 'exceeded']).optional(),
    rogueTransactions: count,
    part: z
      .strictObject({ topics: count, of: count, epoch: count })
      .optional()
      .describe('of Kafka, while some topics were cut before the others: how many this flow carries'),
    schema: list(z.string()).optional(),
    ddl: z.string().optional(),
  })
  .openapi('Flow');

const watched = z.strictObject({ restarts: count, lastIso: iso.optional(), failure: failure.optional() });

const soakSchema = z
  .strictObject({
    cut: z.string().describe('the one that made green live'),
    sinceIso: iso,
    untilIso: iso,
    over: z.boolean(),
    health: z
      .strictObject({
        atIso: iso.describe('when all were asked last'),
        checks: list(
          z.strictObject({
            asks: z.string(),
            answer: z.enum(['yes', 'no', 'not yet', 'cannot tell', 'not asked yet']),
            evidence: z.string(),
            failures: count.describe('how often in a row it was answered with no'),
          }),
        ),
        wouldSinceIso: iso.optional().describe('since when blue would be live again, with `soak.onFailure: tell`'),
        failure: failure.optional().describe('why the last attempt to roll back has failed'),
      })
      .readonly()
      .optional()
      .describe('what the watch of the soak has seen; absent where the file says nothing to ask'),
  })
  .readonly();

const progressSchema = z
  .strictObject({
    step: z.string(),
    text: z.string(),
    done: count.optional(),
    total: count.optional(),
    unit: z.string().optional(),
    parts: list(z.strictObject({ name: z.string(), share: z.number().min(0).max(1) }))
      .optional()
      .describe('what is worked on at this moment, each with how much of it is done'),
    secondsLeft: count.optional().describe('an estimate'),
    atIso: iso,
    pid: z.int(),
  })
  .describe('how far what runs now is');

export const migrationSchema = z
  .strictObject({
    name: z.string(),
    live: side,
    moves: z
      .literal('topics')
      .optional()
      .describe('absent: tables of a database; of topics `certificate` counts these, and records for rows'),
    phase: z.enum(['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'finalised', 'aborted']),
    stages: list(z.strictObject({ stage: z.string(), state: z.string() })),
    open: list(z.strictObject({ step: z.string(), state: z.string(), why: z.string().optional() })),
    gates: list(z.strictObject({ asks: z.string(), answer: z.string(), evidence: z.string() })),
    cuts: list(
      z.strictObject({
        cut: z.string(),
        from: side,
        to: side,
        topics: list(z.string()).optional().describe('of Kafka: these alone; absent: all that was on the losing side'),
        end: z.string(),
        pauseMs: count.optional(),
        held: z.literal(false).optional(),
      }),
    ),
    soak: soakSchema.optional(),
    anomalies: z
      .strictObject({
        atIso: iso,
        open: list(z.string()).describe('series that are out of the usual, as `teal anomalies` names them'),
        full: list(z.strictObject({ side, what: z.string(), atIso: iso, earliestIso: iso, latestIso: iso })).describe(
          'what will be used up if it goes on as it did, and between which times that is with 90 %',
        ),
      })
      .optional()
      .describe('absent where nobody looks'),
    ahead: list(z.string())
      .optional()
      .describe('of Kafka, while blue is live: topics whose producers are on green already'),
    groups: list(z.strictObject({ group: z.string(), side, movingTo: side.optional() })).optional(),
    certificate: z
      .strictObject({ tables: count, rows: z.string(), partitions: count.optional(), atIso: iso })
      .optional(),
    controller: z.strictObject({ pid: z.int(), host: z.string() }).optional(),
    supervisor: z
      .strictObject({
        version: z.literal(1),
        pid: z.int(),
        sinceIso: iso,
        lives: z.boolean(),
        things: z
          .strictObject({
            forward: watched.optional(),
            reverse: watched.optional(),
            proxy: watched.optional(),
            cut: watched.optional(),
            soak: watched.optional(),
            anomalies: watched.optional(),
          })
          .readonly(),
      })
      .optional(),
    lastIso: iso.optional(),
    head: z
      .strictObject({ seq: count, hash: z.string() })
      .optional()
      .describe(
        'the last record of the journal: its hash, kept elsewhere, proves later that none before it was changed',
      ),
    progress: progressSchema.optional(),
    flows: list(flowSchema),
  })
  .openapi('Migration');

const proxySchema = z.strictObject({
  mode: z.enum(['running', 'holding', 'unknown']),
  pointsTo: z.enum(['blue', 'green', 'unknown']),
  clients: count,
  inFlight: count,
  pinned: count.describe('sessions that could not cross a cut'),
  queries: count,
  bytesIn: count,
  bytesOut: count,
  longestWaitMs: count.optional().describe('of one client, in the hold that lasts or in the last one'),
  alarm: z.boolean().describe('held clients cannot be let go although nobody asked to hold them any longer'),
});

export const ratesSchema = z
  .strictObject({
    atIso: iso,
    flows: list(flowSchema),
    proxy: proxySchema.optional(),
    progress: progressSchema.optional(),
  })
  .openapi('Rates');

export const planSchema = z
  .strictObject({
    migration: z.string(),
    blue: z.string(),
    green: z.string(),
    stages: list(
      z.strictObject({
        id: z.string(),
        title: z.string(),
        gates: list(z.strictObject({ id: z.string(), asks: z.string(), person: z.boolean() })),
        steps: list(
          z.strictObject({
            id: z.string(),
            does: z.string(),
            locks: z.string(),
            costs: z.string(),
            undone: z.string(),
          }),
        ),
      }),
    ),
    hazards: list(z.strictObject({ severity: z.enum(['stops', 'warns']), what: z.string(), doThis: z.string() })),
  })
  .openapi('Plan');

const record = z
  .strictObject({ seq: z.int().min(1), at: iso, hash: z.string().regex(/^[0-9a-f]{64}$/), event: journalEvent })
  .openapi('JournalRecord');

export const journalPageSchema = z
  .strictObject({
    records: list(record),
    next: z.int().optional().describe('`after` of the next page; absent where this one is the last for now'),
  })
  .openapi('JournalPage');

const certificateSummary = z.strictObject({
  name: z.string(),
  result: z.enum(['equal', 'differs', 'unsettled']),
  precision: z.enum(['full', 'reduced']),
  flow,
  startedAt: iso,
  durationMs: count,
  live: z.strictObject({ side, position: z.string() }),
  tables: count,
  different: count.describe('tables that are not equal'),
  sha256: z.string(),
});

export const certificatesSchema = z
  .strictObject({ certificates: list(certificateSummary).describe('newest first') })
  .openapi('Certificates');

/** Its shape is frozen where it is made (`verify/certificate.ts`); here only what makes it one. */
export const certificateSchema = z
  .looseObject({
    format: z.literal('teal-certificate'),
    version: z.literal(1),
    migration: z.string(),
    result: z.enum(['equal', 'differs', 'unsettled']),
    startedAt: iso,
    tables: list(z.looseObject({ schema: z.string(), name: z.string(), outcome: z.string() })),
    sha256: z.string(),
  })
  .openapi('Certificate');

const causeSchema = z
  .strictObject({
    cause: z
      .enum(differenceCauses)
      .describe(
        'of values; then of where rows stand: since a time or a number, in one stretch, with one value in common',
      ),
    what: z.enum(['missing on blue', 'missing on green', 'different']),
    says: z.string().describe('in words, with no value of a row'),
    confidence: z
      .number()
      .min(0)
      .max(1)
      .describe(
        'of values: how likely the next row that differs in this column shows the same, (count + 1) / (differing + 2); of where rows stand: 1 less the chance that they stand so by accident',
      ),
    count: count.describe('rows that it explains; one may be counted by several causes'),
    of: count.describe('rows of this kind that were described, at most 10 000 a table'),
    columns: list(z.string()),
    examples: list(z.record(z.string(), z.string().nullable()).readonly())
      .optional()
      .describe('keys of some, by column; for the role `operate`'),
    sql: perSide(z.string()).optional().describe('one SELECT a side that shows the rows; for the role `operate`'),
  })
  .readonly();

const repairSchema = z
  .strictObject({
    on: side.describe('where to run it: the side that is not live'),
    rows: list(
      z.strictObject({
        key: z.record(z.string(), z.string().nullable()).readonly(),
        what: z.enum(['missing on blue', 'missing on green', 'different']),
        columns: list(z.string()).describe('those that differ'),
      }),
    ).describe('that it makes equal: the examples of the causes, then the first others, at most 20'),
    of: count.describe('rows of the table that differ'),
    sql: z.string().describe('one transaction, which does nothing to a row that is not as it was compared any more'),
  })
  .readonly();

export const differencesSchema = z
  .strictObject({
    certificate: z
      .string()
      .optional()
      .describe('the newest one, which they are taken from; absent where there is none'),
    startedAt: iso.optional(),
    tables: list(
      z.strictObject({
        table: z.string(),
        outcome: z.enum(['differs', 'absent', 'unsettled']),
        reason: z.string().optional(),
        missing: perSide(count).optional(),
        different: count.optional(),
        columns: z.record(z.string(), count).readonly().optional(),
        causes: list(causeSchema).optional().describe('the surest and widest first; absent where none was found'),
        repair: repairSchema.optional().describe('SQL that makes some rows equal; for the role `operate`'),
      }),
    ),
    objects: list(z.strictObject({ kind: z.string(), name: z.string(), what: z.string() })),
  })
  .openapi('Differences');

const approval = z
  .strictObject({
    gate: z.string(),
    person: z.string().describe('whom the file names'),
    given: z.strictObject({ by: z.string(), atIso: iso, comment: z.string().optional() }).optional(),
  })
  .openapi('Approval');
export const approvalSchema = approval;
export const approvalsSchema = z.strictObject({ approvals: list(approval) }).openapi('Approvals');

export const approvalRequest = z
  .strictObject({
    gate: z.string().min(1).max(200).describe('as GET /api/v1/approvals names it'),
    comment: z.string().max(1_000).optional(),
  })
  .openapi('ApprovalRequest');

/** What can be asked for, and the roles that it takes: all of them. `up` cuts over where every gate says yes; `cutover` says yes itself to those that ask a person. */
export const commandRoles = Object.freeze({
  verify: ['operate'],
  up: ['cut'],
  cutover: ['approve', 'cut'],
  rollback: ['cut'],
} as const satisfies Record<string, readonly Role[]>);
export const commandNames = [
  'verify',
  'up',
  'cutover',
  'rollback',
] as const satisfies readonly (keyof typeof commandRoles)[];

export const commandRequest = z
  .strictObject({
    command: z.enum(commandNames),
    reason: z.string().min(1).max(1_000).optional().describe('of a rollback, for the report'),
    acceptSchema: z
      .string()
      .regex(/^[0-9a-f]{6,64}$/)
      .optional()
      .describe('of a cutover or rollback: the digest that TEAL-STAGES-108 told'),
    dryRun: z.boolean().default(false).describe('true: says whether it would be started, and starts nothing'),
  })
  .openapi('CommandRequest');

export const commandHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\w.:-]{8,128}$/, 'letters, digits, _ . : -, 8 to 128 of them')
    .openapi({ description: 'the same key asks for the same command again, and starts it once' }),
});

const outcome = z.union([
  z.strictObject({ outcome: z.literal('done'), live: side, next: list(z.string()) }),
  z.strictObject({
    outcome: z.literal('waiting'),
    live: side,
    gate: z.string(),
    asks: z.string(),
    next: list(z.string()),
  }),
  z.strictObject({ outcome: z.literal('no'), live: side, what: z.string(), next: list(z.string()) }),
  z.strictObject({ equal: z.boolean(), evidence: z.string(), certificate: z.string() }),
]);

export const commandError = z.strictObject({
  code: z.string(),
  title: z.string(),
  doThis: z.string(),
  retry: z.enum(['auto', 'operator', 'never']),
  dataMayDiffer: z.enum(['yes', 'no', 'unknown']),
});

export const commandSchema = z
  .strictObject({
    id: z.string().regex(/^[0-9a-f]{32}$/),
    command: z.enum(commandNames),
    by: z.string(),
    atIso: iso,
    state: z.enum(['running', 'done', 'failed', 'lost']),
    outcome: outcome.optional().describe('of one that is done: what the command of the same name prints with --json'),
    error: commandError.optional().describe('of one that failed, or is lost'),
  })
  .openapi('Command');

export const commandsSchema = z
  .strictObject({ commands: list(commandSchema).describe('newest first, at most 50') })
  .openapi('Commands');

export const dryRunSchema = z
  .strictObject({
    dryRun: z.literal(true),
    command: z.enum(commandNames),
    wouldStart: z.boolean(),
    because: z.string().optional().describe('why it would not'),
    live: side,
    phase: z.string(),
    unasked: list(z.string()).describe('gates that ask a person, and that nobody has said yes to'),
  })
  .openapi('DryRun');

export const commandParam = z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/, 'the id of a command') });

export const healthSchema = z.strictObject({ status: z.literal('ok') }).openapi('Health');

/** A whole number in a query, and nothing that only reads like one. */
function numberInQuery(minimum: number, maximum: number, byDefault: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, 'a whole number')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum))
    .default(byDefault)
    .openapi({ type: 'integer', minimum, maximum, default: byDefault });
}

const lastSeq = Number.MAX_SAFE_INTEGER;
export const journalQuery = z.strictObject({
  after: numberInQuery(0, lastSeq, 0),
  limit: numberInQuery(1, 500, 100),
});

const seqText = z
  .string()
  .regex(/^\d{1,16}$/, 'a number of a record')
  .transform(Number)
  .pipe(z.int().max(lastSeq));
const seqNumber = { type: 'integer', minimum: 0, maximum: lastSeq } as const;
export const eventsQuery = z.strictObject({
  after: seqText
    .optional()
    .openapi({ ...seqNumber, description: 'the record to go on after; default: the newest, 0 for all' }),
});
export const eventsHeaders = z.object({
  'last-event-id': seqText
    .optional()
    .openapi({ ...seqNumber, description: 'what a client heard last; it counts for more than `after`' }),
});
export const certificateParam = z.strictObject({
  name: z.string().regex(/^[0-9TZ.-]{10,40}-(forward|reverse)$/, 'the name of a certificate'),
});

export type Flow = z.infer<typeof flowSchema>;
export type MigrationAnswer = z.infer<typeof migrationSchema>;
export type Rates = z.infer<typeof ratesSchema>;
export type ProxyRates = z.infer<typeof proxySchema>;
export type PlanAnswer = z.infer<typeof planSchema>;
export type CertificatesAnswer = z.infer<typeof certificatesSchema>;
export type CertificateSummary = z.infer<typeof certificateSummary>;
export type CertificateAnswer = z.infer<typeof certificateSchema>;
export type DifferencesAnswer = z.infer<typeof differencesSchema>;
export type Approval = z.infer<typeof approval>;
export type CommandName = (typeof commandNames)[number];
export type CommandRequest = z.infer<typeof commandRequest>;
export type CommandAnswer = z.infer<typeof commandSchema>;
export type CommandError = z.infer<typeof commandError>;
export type DryRun = z.infer<typeof dryRunSchema>;
export type ApprovalRequest = z.infer<typeof approvalRequest>;
