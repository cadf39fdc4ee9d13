import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from './units.ts';

/**
 * The file as a user writes it (`docs/reference/spec.schema.json` is generated from this). Every field but `name`, `blue` and `green` has the default that a
 * careful engineer would choose; `spec.ts` puts it in. Strict everywhere: an unknown word is a mistake, because a misspelt limit is no limit.
 */
const duration = z
  .string('a duration such as 500ms, 3s, 10m, 24h')
  .regex(new RegExp(durationPattern), 'a duration such as 500ms, 3s, 10m, 24h')
  .transform((text) => parseDuration(text) ?? 0);
const size = z
  .string('a size such as 512MB or 20GB')
  .regex(new RegExp(sizePattern), 'a size such as 512MB or 20GB')
  .transform((text) => parseSize(text) ?? 0);
const text = z.string().min(1, 'a text that is not empty');
const pattern = z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table, with * for any');
const natural = (max: number): z.ZodInt =>
  z.int().min(1, `a number from 1 to ${max}`).max(max, `a number from 1 to ${max}`);

const secret = z
  .union([text, z.strictObject({ file: text })], 'a postgres:// or mysql:// URL, or { file: path } with one in it')
  .describe(
    'A postgres:// URL, or a mysql:// one where the system is mysql or mariadb. Take it from the environment ("${BLUE_URL}") or a file, so that no password stands here.',
  );

const side = z.strictObject({
  system: z
    .enum(['postgres', 'mysql', 'mariadb'])
    .default('postgres')
    .describe(
      'The kind of system. MySQL and MariaDB can be moved to PostgreSQL; between two of them there is `teal assess`.',
    ),
  url: secret,
});

const gateKinds = ['lag', 'verify', 'sql', 'command', 'person'] as const;

const gate = z
  .strictObject({
    lag: duration.optional().describe('The flow is not further behind than this …'),
    for: duration.optional().describe('… for at least this long.'),
    verify: z.enum(['full']).optional().describe('Both sides are equal at one position.'),
    sql: text.optional().describe('A query with one value …'),
    equals: z.union([z.string(), z.number(), z.boolean()]).optional().describe('… that must be this one …'),
    on: z.enum(['blue', 'green']).optional().describe('… on this side (default green).'),
    command: z.array(text).min(1).optional().describe('A program and its arguments that must end with 0.'),
    person: text.optional().describe('Somebody must say yes: `teal cutover`.'),
  })
  .superRefine((given, context) => {
    const kinds = gateKinds.filter((kind) => given[kind] !== undefined);
    if (kinds.length !== 1) {
      context.addIssue({ code: 'custom', message: 'exactly one of lag, verify, sql, command, person' });
      return;
    }
    const alone = kinds[0];
    if (given.for !== undefined && alone !== 'lag')
      context.addIssue({ code: 'custom', path: ['for'], message: '`for` only beside `lag`' });
    if (alone === 'sql' && given.equals === undefined)
      context.addIssue({ code: 'custom', message: '`equals` beside `sql`' });
    if (alone !== 'sql' && (given.equals ?? given.on) !== undefined) {
      context.addIssue({ code: 'custom', message: '`equals` and `on` only beside `sql`' });
    }
  })
  .meta({ oneOf: gateKinds.map((kind) => ({ required: [kind] })) });

const traffic = z
  .strictObject({
    router: z
      .enum(['proxy', 'none'])
      .optional()
      .describe(
        "`proxy`: clients come through Teal's own. `none`: they are told by other means; a cut then ends their writes with an error. Default: proxy; from MySQL or MariaDB to PostgreSQL none, and nothing else, for no proxy translates between their protocols.",
      ),
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'host:port, such as 127.0.0.1:6432')
      .default('127.0.0.1:6432'),
    tls: z
      .strictObject({ cert: text, key: text })
      .optional()
      .describe('Files with the certificate and the key that clients see.'),
    clientAuth: z
      .enum(['scram', 'password', 'trust'])
      .optional()
      .describe(
        'How clients prove who they are: `scram` of PostgreSQL; `password` of MySQL and MariaDB, as the plugin of each account has it. That is the default; `trust` only for tests on loopback.',
      ),
    authFile: text
      .optional()
      .describe(
        'PostgreSQL alone: file of SCRAM verifiers, for an administrator who may not read pg_authid (managed services). Format: docs/guide/proxy.md.',
      ),
    pinned: z
      .enum(['abort', 'close'])
      .default('abort')
      .describe('What a cut does with sessions whose state cannot move.'),
    maxClients: natural(100_000)
      .default(1_000)
      .describe('Clients at the same time. Each has a connection to the live side, and for a cut one to the other.'),
  })
  .superRefine(({ listen, clientAuth }, context) => {
    if (Number(listen.slice(listen.lastIndexOf(':') + 1)) > 65_535) {
      context.addIssue({ code: 'custom', path: ['listen'], message: 'a port from 0 to 65535' });
    }
    if (clientAuth === 'trust' && !/^(127\.|localhost:|\[::1\]:)/.test(listen)) {
      context.addIssue({
        code: 'custom',
        path: ['clientAuth'],
        message: 'scram or password, where `listen` is not loopback',
      });
    }
  });

const cutover = z
  .strictObject({
    maxPause: duration
      .default(3_000)
      .describe('How long clients may wait in all. Past it the cut is given up and blue goes on.'),
    drain: duration
      .optional()
      .describe('How long running transactions may take to end. Default: two thirds of maxPause.'),
    lockTimeout: duration.default(500).describe('How long the fence may wait for its locks.'),
    gates: z
      .array(gate)
      .default([{ lag: 1_000, for: 10_000 }, { verify: 'full' }, { person: 'operator' }])
      .describe('Questions that must all be answered yes before the cut.'),
    sequenceHeadroom: z
      .int()
      .min(0, 'a number from 0 to 1000000000')
      .max(1e9, 'a number from 0 to 1000000000')
      .default(100)
      .describe('How far the sequences of the new side start past those of the old one.'),
  })
  .superRefine(({ maxPause, drain, gates }, context) => {
    const tell = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    if (maxPause < 100) tell(['maxPause'], 'at least 100ms: no cut fits into less');
    if (drain !== undefined && drain >= maxPause) {
      tell(['drain'], 'less than maxPause: clients wait while transactions drain');
    }
    const persons = gates.map(({ person }) => person);
    for (const [index, person] of persons.entries()) {
      if (person !== undefined && persons.indexOf(person) < index) {
        tell(['gates', index, 'person'], 'each person once: one yes would answer both');
      }
    }
  });

const columnMapping = z
  .strictObject({
    rename: text.optional(),
    drop: z.literal(true).optional().describe('The column is not made, and its values are not carried.'),
    type: text.optional().describe('A type of green.'),
    expression: text.optional().describe('SQL of green over other columns: computed there, not carried.'),
    default: text.nullable().optional().describe('SQL of green; null for none.'),
  })
  .describe('What becomes of one column on green.');

const mapping = z
  .strictObject({
    schemas: z
      .record(z.string(), text)
      .optional()
      .describe('Database of blue: schema of green. Default: the same name.'),
    tables: z
      .record(
        pattern,
        z.strictObject({
          rename: text.optional(),
          drop: z.literal(true).optional().describe('The table is not made, and its rows are not carried.'),
          columns: z.record(z.string(), columnMapping).optional(),
        }),
      )
      .optional()
      .describe('By database.table of blue: what the rules do not do as you want it.'),
    values: z
      .strictObject({
        zeroDate: z.enum(['stop', 'null']).default('stop'),
        invalidEnum: z.enum(['stop', 'null']).default('stop'),
        nulByte: z.enum(['stop', 'remove']).default('stop'),
      })
      .prefault({})
      .describe('What is done with a value that green cannot hold. Nothing is changed unasked.'),
    collations: z
      .enum(['keys', 'all', 'none'])
      .default('keys')
      .describe('Where texts that blue takes for equal without case or accents stay equal on green.'),
    guards: z
      .boolean()
      .default(true)
      .describe('CHECKs that keep green to what blue can hold, so that there is a way back.'),
  })
  .describe('From MySQL or MariaDB to PostgreSQL: how the schema and the values are translated.');

export const specDocument = z.strictObject({
  teal: z.literal(1, 'the version of this format: 1').describe('The version of this format.'),
  name: z
    .string('a name')
    .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'a name of up to 40 of a-z, 0-9, - and _, beginning with a letter')
    .describe('Names the migration in the journal, in slots and in publications.'),
  blue: side.describe('The old system.'),
  green: side.describe('The new system. It must be empty.'),
  tables: z
    .strictObject({ include: z.array(pattern).min(1).default(['*.*']), exclude: z.array(pattern).default([]) })
    .prefault({})
    .describe('Which tables move. `*` stands for any characters.'),
  traffic: traffic.prefault({}).describe('What clients pass through.'),
  mapping: mapping.optional(),
  copy: z.strictObject({ workers: natural(64).default(4), indexWorkers: natural(64).default(2) }).prefault({}),
  follow: z
    .strictObject({
      method: z
        .enum(['log', 'triggers'])
        .default('log')
        .describe(
          'How the changes of blue are had. `log`: from its log. `triggers`: PostgreSQL alone, where the log may not be read; they write each change once more, in the transaction that makes it. Green is followed by its log always.',
        ),
      walBudget: size
        .default(20e9)
        .describe(
          'How much log a source may keep for a flow. Past it the flow is ended and its slot dropped, rather than fill the disk of the source.',
        ),
      spool: size.default(20e9).describe("How much may wait on Teal's own disk."),
      heartbeat: duration.default(1_000),
    })
    .prefault({}),
  cutover: cutover.prefault({}),
  soak: z.strictObject({ for: duration.default(86_400_000) }).prefault({}),
  finalise: z
    .strictObject({
      after: duration.default(0),
      blue: z.enum(['keep', 'open']).default('keep').describe('`keep`: blue stays closed to writes.'),
    })
    .prefault({}),
  stateDir: text
    .optional()
    .describe('Where the journal, the spool and certificates lie. Default: .teal/NAME beside the file.'),
});

export type SpecDocument = z.infer<typeof specDocument>;

/** What a later version will understand: said so, instead of "unknown". */
export const notYet: { readonly words: readonly string[]; readonly values: readonly string[] } = Object.freeze({
  words: ['shadow', 'canary', 'console', 'revertOn', 'rollBackOn', 'carrier', 'http', 'prometheus', 'datadog'],
  values: ['kafka', 'pgbouncer', 'haproxy', 'nginx', 'envoy', 'dns', 'kubernetes', 'drop', 'sample'],
});
