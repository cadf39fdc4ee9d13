import { z } from 'zod';
import { gateDocument } from './gate-document.ts';
import { notifyDocument } from './notify.ts';
import { parseSize, sizePattern } from './units.ts';
import { duration, share, text } from './words.ts';

/**
 * The file as a user writes it (`docs/reference/spec.schema.json` is generated from this). Every field but `name`, `blue` and `green` has the default that a
 * careful engineer would choose; `spec.ts` puts it in. Strict everywhere: an unknown word is a mistake, because a misspelt limit is no limit.
 */
const size = z
  .string('a size such as 512MB or 20GB')
  .regex(new RegExp(sizePattern), 'a size such as 512MB or 20GB')
  .transform((text) => parseSize(text) ?? 0);
/** PostgreSQL's own, and Teal's: what the rows of a migration are told apart from. */
const schemaOfGreen = text.refine(
  (name) => name !== 'teal' && name !== 'information_schema' && !name.startsWith('pg_'),
  'another name: schemas called teal, information_schema or pg_… belong to Teal and to PostgreSQL',
);
const pattern = z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table, with * for any');
/** Of columns. */
const pattern3 = z.string().regex(/^[^.]+\.[^.]+\.[^.]+$/, 'schema.table.column, with * for any');
const natural = (max: number): z.ZodInt =>
  z.int().min(1, `a number from 1 to ${max}`).max(max, `a number from 1 to ${max}`);

const secret = z
  .union(
    [text, z.strictObject({ file: text })],
    'a postgres://, mysql:// or kafka:// URL, or { file: path } with one in it',
  )
  .describe(
    'A postgres:// URL, a mysql:// one where the system is mysql or mariadb, a kafka:// one where it is kafka. Take it from the environment ("${BLUE_URL}") or a file, so that no password stands here.',
  );

const side = z.strictObject({
  system: z
    .enum(['postgres', 'mysql', 'mariadb', 'kafka'])
    .default('postgres')
    .describe(
      'The kind of system. MySQL and MariaDB can be moved to PostgreSQL or to one another, a cluster of Kafka to another one.',
    ),
  url: secret,
  schemaRegistry: z
    .strictObject({
      url: z
        .union([text, z.strictObject({ file: text })], 'an http:// or https:// URL, or { file: path } with one in it')
        .describe('With user and password where it asks for them: from the environment or a file.'),
    })
    .optional()
    .describe(
      'Kafka alone, on both sides or on neither: the schema registry of its clients (Confluent, Karapace, Redpanda). What green lacks is copied from blue, with its ids.',
    ),
});

const program = z.array(text).min(1);

const traffic = z
  .strictObject({
    router: z
      .enum([
        'proxy',
        'none',
        'pgbouncer',
        'haproxy',
        'nginx',
        'envoy',
        'dns',
        'kubernetes-service',
        'istio',
        'argo-rollouts',
        'flagd',
        'command',
        'webhook',
      ])
      .optional()
      .describe(
        "`proxy`: clients come through Teal's own. `pgbouncer`: through yours, in transaction mode. `haproxy`, `nginx`, `envoy`: through yours, which drops their connections. `dns`: they look up a name, which is changed. `kubernetes-service`, `istio`: an object in a cluster leads their new connections. `argo-rollouts`: of the application itself another revision is made active. `flagd`: they ask a feature flag (OpenFeature). `command`, `webhook`: programs or a service of yours point them. `none`: they are told by other means; a cut then ends their writes with an error. What each promises: docs/guide/routers.md. Default: proxy; from MySQL or MariaDB to PostgreSQL none, and no proxy at all, for none translates between their protocols.",
      ),
    admin: secret
      .optional()
      .describe(
        'pgbouncer: postgres:// URL of its console, as one of admin_users. With a password: from the environment or a file.',
      ),
    database: text.optional().describe('pgbouncer: the name by which clients come, a line of its [databases].'),
    config: z
      .union([text, program], 'a path, or a program and its arguments')
      .optional()
      .describe(
        'pgbouncer: path of the file with that line, which Teal changes; or a program and its arguments that changes it (the side is its last argument). nginx: path of the file with the `map` that leads clients. envoy: path of the file of its listeners. flagd: path of the file of flags that it watches.',
      ),
    blue: text
      .optional()
      .describe(
        'pgbouncer: where it finds blue, host:port/database as in its file; default: as in `blue.url`. haproxy: the server of the backend that is blue; nginx: the upstream; envoy: the cluster; dns: the address, or the name, that the record has. kubernetes-service: address:port in the EndpointSlice, or the labels of its pods (key=value,…). istio: the host of the destination, and its subset behind a slash. argo-rollouts: labels of the pods that write to blue (key=value,…). flagd: the variant; default `blue`.',
      ),
    green: text.optional().describe('The same of green.'),
    socket: text
      .optional()
      .describe('haproxy: its runtime API with level admin (`stats socket`), a path or host:port.'),
    backend: text.optional().describe('haproxy: the backend with both servers.'),
    status: z
      .union([text, z.strictObject({ blue: text, green: text })], 'host:port, or { blue: host:port, green: host:port }')
      .optional()
      .describe(
        'nginx: host:port for each side, where workers answer that lead there. envoy: host:port of its admin. flagd: host:port of its OFREP, by which it is seen what applications are told.',
      ),
    test: program.optional().describe('nginx: tries its files and prints them. Default [nginx, -T].'),
    reload: program.optional().describe('nginx: has it read its files anew. Default [nginx, -s, reload].'),
    server: text.optional().describe('dns: the primary of the zone, host or host:port.'),
    zone: text.optional().describe('dns: the zone that is updated.'),
    name: text.optional().describe('dns: the name by which clients come.'),
    key: text
      .optional()
      .describe(
        'dns: the key that may update it, [algorithm:]name:secret. Take it from the environment ("${DNS_KEY}").',
      ),
    service: text.optional().describe('kubernetes-service: name of the Service that leads clients.'),
    virtualService: text.optional().describe('istio: name of the VirtualService that leads clients.'),
    rollout: text.optional().describe('argo-rollouts: name of the Rollout of the application.'),
    namespace: text
      .optional()
      .describe(
        'kubernetes-service, istio, argo-rollouts: where it is. Default: the namespace of the context, or of the pod.',
      ),
    kubeconfig: text
      .optional()
      .describe(
        'kubernetes-service, istio, argo-rollouts: path of the kubeconfig. Default: the service account where Teal runs in a pod, else $KUBECONFIG or ~/.kube/config.',
      ),
    context: text
      .optional()
      .describe('kubernetes-service, istio, argo-rollouts: a context of it. Default: its current one.'),
    flag: text.optional().describe('flagd: key of the flag by which applications choose the side.'),
    read: program
      .optional()
      .describe('command: prints where clients are: blue, green or unknown; and `holding` behind it.'),
    point: program.optional().describe('command: points clients at the side that is its last argument.'),
    hold: program.optional().describe('command: has clients wait at the end of a transaction. Beside `release`.'),
    release: program.optional().describe('command: lets them go on. Beside `hold`.'),
    url: secret.optional().describe('webhook: https:// URL of a service that points clients.'),
    token: text.optional().describe('webhook: sent as `Authorization: Bearer`. Take it from the environment.'),
    holds: z.boolean().optional().describe('webhook: the service can hold clients and release them.'),
    ttl: duration
      .optional()
      .describe(
        'command and webhook that do not hold, kubernetes-service, istio, argo-rollouts, flagd: for how long a client may still be on the side that has lost. dns: the TTL of the record.',
      ),
    timeout: duration
      .optional()
      .describe(
        'command, webhook, nginx, envoy, dns, kubernetes-service, istio, argo-rollouts, flagd: how long an answer, or a program, may take. Default 10s.',
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
    processes: z
      .union([z.literal('auto'), natural(64)], 'auto, or a number from 1 to 64')
      .default(1)
      .describe(
        'Processes of the proxy that serve clients, on one port. One is enough for most: more where it is busy on its core and others are idle. `auto`: one fewer than the machine has cores.',
      ),
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

const groups = z
  .strictObject({
    include: z.array(text).min(1).default(['*']),
    exclude: z.array(text).default([]),
    stop: program
      .optional()
      .describe(
        'Ends the readers of a group: its last arguments are the side and the group. Beside `start`. Default: Teal waits until somebody has done it.',
      ),
    start: program
      .optional()
      .describe(
        'Starts the readers of a group on a side: its last arguments are the side and the group. Beside `stop`.',
      ),
    timeout: duration.default(60_000).describe('How long one of these programs may run.'),
    patience: duration
      .default(600_000)
      .describe('How long a group may take to leave one side, and to appear on the other and read on there.'),
    maxLag: z
      .int()
      .min(0, 'a number from 0 to 1000000000')
      .max(1e9, 'a number from 0 to 1000000000')
      .default(1_000)
      .describe('How many offsets a group may be behind on the new side when its move is over.'),
  })
  .describe(
    'Kafka alone: which consumer groups move, before the producers, and who ends and starts them. `*` stands for any characters.',
  );

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
      .array(gateDocument)
      .default([{ lag: 1_000, for: 10_000 }, { verify: 'full' }, { person: 'operator' }])
      .describe('Questions that must all be answered yes before the cut.'),
    backup: z
      .strictObject({
        command: program.describe(
          'Program and arguments; no shell. Its output goes to backup/log of the state folder.',
        ),
        timeout: duration.default(3_600_000).describe('After this it is ended, and has failed.'),
      })
      .optional()
      .describe(
        'Makes a backup of yours before each attempt at the cut, once persons have said yes. Without it there is no cut.',
      ),
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

const shadow = z
  .strictObject({
    reads: share.optional().describe('Of what clients read: how much of it is put to green too.'),
    writes: share
      .optional()
      .describe(
        'Of the transactions in which clients write: how many are repeated on green, where they are rolled back; of MySQL and MariaDB in a copy alone (`scratch`).',
      ),
    scratch: text
      .optional()
      .describe(
        'A database of the server of green, a copy of it that you have made: writes are tried, and committed, there instead.',
      ),
    for: duration
      .default(86_400_000)
      .describe('How long, before the gates of the cut are asked. It goes on until the cut.'),
    maxDifferences: z
      .int()
      .min(0, 'a number from 0 to 1000000000')
      .max(1e9, 'a number from 0 to 1000000000')
      .default(0)
      .describe('Real differences beyond which it fails.'),
    atLeast: natural(1e9)
      .default(1)
      .describe('Reads that must have been compared, and writes, however long that takes.'),
  })
  .refine(({ reads, writes }) => reads !== undefined || writes !== undefined, '`reads`, `writes` or both')
  .refine(({ writes, scratch }) => scratch === undefined || writes !== undefined, {
    path: ['scratch'],
    message: '`writes` beside it',
  })
  .describe(
    "Through Teal's proxy: before the cut a share of what clients read, and write, is put to green too, and the answers are compared. docs/guide/shadow.md.",
  );

const connect = z
  .strictObject({
    url: z
      .union([secret, z.array(text).min(1)], 'an http:// or https:// URL, or a list of them')
      .describe(
        'The REST API of a worker, or of several, which are asked in turn. With user and password where they ask for one.',
      ),
    kafka: secret
      .optional()
      .describe(
        'kafka:// address of the cluster that the workers use: topics are deleted there when the migration ends. Default: they stay. Needed where blue is MySQL or MariaDB: Debezium keeps there what the tables were like, and the workers reach it by this address.',
      ),
    replicationFactor: natural(100)
      .default(3)
      .describe('Of the topic that carries the changes; of Kafka, of the topics that MirrorMaker 2 keeps on green.'),
    tasks: natural(1000)
      .optional()
      .describe('Of Kafka alone: how many tasks share the partitions at most. Default: 4.'),
    topicPrefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,100}$/, 'up to 100 of A-Z, a-z, 0-9, ., - and _')
      .default('teal.')
      .describe('What the names of topics begin with.'),
    blue: secret.optional().describe('Blue as the workers reach it. Default: `blue.url`.'),
    green: secret.optional().describe('Green as the workers reach it. Default: `green.url`.'),
    acceptUnfaithful: z
      .array(pattern3)
      .default([])
      .describe(
        'Columns, as schema.table.column with * for any, of which a person knows that they hold none of the values that this path changes. `teal assess` names them.',
      ),
  })
  .describe(
    "Beside `carrier: connect`: the cluster of Kafka Connect, with Debezium's connector of blue's system and its JDBC sink, or with the connectors of MirrorMaker 2.",
  );

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
      .record(z.string(), schemaOfGreen)
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

/** Of what is asked again and again while green soaks: a moment's answer, that costs little and needs nobody. */
const healthKinds = ['http', 'command', 'sql', 'prometheus', 'datadog', 'alert'] as const;
const longestPauseMs = 10 * 60_000;

const healthCheck = gateDocument
  .superRefine((given, context) => {
    if (healthKinds.every((kind) => given[kind] === undefined))
      context.addIssue({ code: 'custom', message: `one of ${healthKinds.join(', ')}: what can be asked at any time` });
    if (given.for !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['for'],
        message: 'nothing here: `failures` says how often it must fail',
      });
  })
  .meta({ oneOf: healthKinds.map((kind) => ({ required: [kind] })) });

const timesWords = 'how many times as much, such as 2x or 1.5x';
const times = z
  .string(timesWords)
  .regex(/^\d{1,3}(?:\.\d{1,2})?x$/, timesWords)
  .transform((given) => Number(given.slice(0, -1)))
  .refine((given) => given >= 1, timesWords);

const figures = ['errorRate', 'p50', 'p95', 'p99'] as const;
const figureRule = z
  .strictObject({
    errorRate: share.optional().describe('How much more of all that clients ask may fail than before the cut.'),
    p50: times.optional(),
    p95: times.optional(),
    p99: times.optional().describe('How many times as long as before the cut one in a hundred may take.'),
    atLeast: natural(1_000_000)
      .default(100)
      .describe('Answers between two looks; fewer are counted together with those until the next look.'),
  })
  .superRefine((given, context) => {
    if (figures.filter((figure) => given[figure] !== undefined).length !== 1)
      context.addIssue({ code: 'custom', message: `exactly one of ${figures.join(', ')}` });
  })
  .meta({ oneOf: figures.map((figure) => ({ required: [figure] })) });

const soak = z
  .strictObject({
    for: duration
      .default(86_400_000)
      .describe('How long `teal finalise` is refused after the cut, and how long `health` is looked at.'),
    health: z
      .array(healthCheck)
      .default([])
      .describe(
        'Questions, as gates are, that green must go on answering with yes. Where one does not, blue is made live again.',
      ),
    rollBackOn: z
      .array(figureRule)
      .default([])
      .describe(
        "What clients of Teal's proxy meet on green, beside what they met on blue before the cut (between two PostgreSQL, or two of MySQL and MariaDB). Judged as `health` is.",
      ),
    every: duration.default(10_000).describe('The pause between two askings of all of them.'),
    failures: natural(1_000)
      .default(3)
      .describe('How often in a row one of them must be answered with no. No answer counts neither way.'),
    onFailure: z
      .enum(['rollBack', 'tell'])
      .default('rollBack')
      .describe('`tell`: nothing is done; status and journal say when it would have been rolled back.'),
  })
  .superRefine(({ every }, context) => {
    if (every < 500 || every > longestPauseMs)
      context.addIssue({ code: 'custom', path: ['every'], message: 'a time from 500ms to 10m' });
  });

const anomalies = z
  .strictObject({
    every: duration
      .default(15_000)
      .describe('The pause between two looks at both sides; a minute is judged when it is over.'),
    disk: z
      .strictObject({ blue: size.optional(), green: size.optional() })
      .prefault({})
      .describe(
        'How much room the files of the database have on either side, for `teal anomalies` to tell when it is full: no server tells it.',
      ),
  })
  .superRefine(({ every }, context) => {
    if (every < 1_000 || every > 30_000)
      context.addIssue({ code: 'custom', path: ['every'], message: 'a time from 1s to 30s' });
  });

const settingName = z
  .string('a setting such as app.tenant_id')
  .regex(/^[a-z_][a-z0-9_$]*(?:\.[a-z_][a-z0-9_$]*)+$/i, 'a setting such as app.tenant_id');

const tenantWrites = z
  .strictObject({
    by: text.describe('The column that says whose a row is, in every table that moves but those of `shared`.'),
    tenants: z
      .array(text, 'a list of values of that column, as text')
      .min(1)
      .max(1_000)
      .describe('Values of that column: these tenants live on green.'),
    session: settingName.describe(
      'The setting by which a client says whose it is when it connects: `options=-c app.tenant_id=17`.',
    ),
    shared: z
      .array(text)
      .default([])
      .describe('Tables without that column, as schema.name: sessions on green only read them.'),
    hold: duration.default(1_800_000).describe('How long they live on green before they come home for the cut.'),
  })
  .describe(
    "Some tenants live on green, reads and writes, with both flows running, and come home before the cut. PostgreSQL alone, through Teal's proxy of one process. docs/guide/canary.md.",
  );

const canary = z
  .strictObject({
    reads: z
      .union(
        [share.transform((one) => [one]), z.array(share).min(1).max(20)],
        'a share of sessions such as 10%, or a list of them',
      )
      .optional()
      .describe(
        'Of sessions: how many have their reads answered by green, step by step. Default: 1%, 10%, 50% and 100%; none where `writes` stands alone.',
      ),
    hold: duration.default(1_800_000).describe('How long each step is held and judged.'),
    revertOn: z
      .array(healthCheck)
      .default([])
      .describe(
        'Questions, as gates are, that must go on being answered with yes. Where one is not, every read goes back to blue.',
      ),
    every: duration.default(10_000).describe('The pause between two askings of all of them.'),
    failures: natural(1_000)
      .default(3)
      .describe('How often in a row one of them must be answered with no. No answer counts neither way.'),
    by: z
      .string('session, or a setting such as app.tenant_id')
      .regex(/^(?:session|[a-z_][a-z0-9_$]*(?:\.[a-z_][a-z0-9_$]*)+)$/i, 'session, or a setting such as app.tenant_id')
      .default('session')
      .describe(
        'What goes as a whole: `session`, a client connection; or a setting such as app.tenant_id (of MySQL and MariaDB: a connection attribute), all connections that gave the same value of it when they connected.',
      ),
    maxErrors: share
      .default(0.01)
      .describe('Of the reads of a step: how many green may leave to blue, by an error or without an answer.'),
    atLeast: natural(1e9)
      .default(1)
      .describe('Reads that green must have answered in each step, however long that takes.'),
    writes: tenantWrites.optional(),
  })
  .superRefine(({ reads, every }, context) => {
    for (const [index, step] of (reads ?? []).entries()) {
      if (index > 0 && step <= (reads?.[index - 1] ?? 0))
        context.addIssue({ code: 'custom', path: ['reads', index], message: 'more than the step before it' });
    }
    if (every < 500 || every > longestPauseMs)
      context.addIssue({ code: 'custom', path: ['every'], message: 'a time from 500ms to 10m' });
  })
  .describe(
    "Between two PostgreSQL, or two of MySQL and MariaDB, through Teal's proxy: before the cut a growing share of sessions has its reads answered by green, and goes back by itself when green is slower or fails. docs/guide/canary.md.",
  );

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
  topics: z
    .strictObject({ include: z.array(text).min(1).default(['*']), exclude: z.array(text).default([]) })
    .optional()
    .describe('Kafka alone: which topics move. `*` stands for any characters.'),
  groups: groups.optional(),
  traffic: traffic.prefault({}).describe('What clients pass through.'),
  carrier: z
    .enum(['embedded', 'connect'])
    .default('embedded')
    .describe(
      "Who copies blue to green and follows it until the first cut. `embedded`: Teal. `connect`: a cluster of Kafka Connect, from PostgreSQL, MySQL or MariaDB to PostgreSQL, or between two clusters of Kafka (MirrorMaker 2); see docs/guide/kafka-connect.md. The way back, and what comes after it, is Teal's own.",
    ),
  connect: connect.optional(),
  mapping: mapping.optional(),
  copy: z.strictObject({ workers: natural(64).default(4), indexWorkers: natural(64).default(2) }).prefault({}),
  follow: z
    .strictObject({
      method: z
        .enum(['log', 'triggers', 'polling'])
        .default('log')
        .describe(
          'How the changes of blue are had. `log`: from its log. `triggers`: where the log may not be read, or there is none; they write each change once more, in the transaction that makes it. `polling`: without deletes; looks at a column that says when a row was written last. Green is followed by its log always.',
        ),
      acceptFrozenSchema: z
        .boolean()
        .optional()
        .describe(
          'Of `method: triggers` on MySQL and MariaDB, and needed there. `true`: nobody changes a table of blue until the migration is over; DROP and RENAME COLUMN would make its writes fail, and TRUNCATE ends the migration.',
        ),
      column: text
        .optional()
        .describe('With `polling`: the column of every table that says when a row was written last.'),
      columns: z
        .record(text, text)
        .optional()
        .describe('With `polling`: tables, as schema.table, where it is another column.'),
      zone: z
        .string()
        .regex(/^[+-](0\d|1[0-4]):[0-5]\d$/, 'an offset from UTC, as +02:00')
        .optional()
        .describe(
          'With `polling` of MySQL and MariaDB: how far times in columns of DATETIME are ahead of UTC, at least (of a zone with summer time: in winter). Without it every poll looks back by 14 hours more.',
        ),
      interval: duration.optional().describe('With `polling`: the pause between two looks. Default: 1s.'),
      walBudget: size
        .default(20e9)
        .describe(
          'How much log a source may keep for a flow. Past it the flow is ended and its slot dropped, rather than fill the disk of the source.',
        ),
      spool: size.default(20e9).describe("How much may wait on Teal's own disk."),
      heartbeat: duration.default(1_000),
    })
    .prefault({}),
  shadow: shadow.optional(),
  canary: canary.optional(),
  cutover: cutover.prefault({}),
  soak: soak.prefault({}),
  anomalies: anomalies
    .optional()
    .describe(
      'Numbers of both sides, the flow and the proxy are looked at for as long as the flows run, and what is out of the usual is told.',
    ),
  notify: notifyDocument.optional(),
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
  words: ['console'],
  values: ['drop', 'sample'],
});
