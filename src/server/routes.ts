import { createRoute, z } from '@hono/zod-openapi';
import { alertNotice, alertsTaken } from './alert-notices.ts';
import {
  callerSchema,
  gatesSchema,
  migrationsSchema,
  rateHistorySchema,
  canarySchema,
  shadowSchema,
  signInSchema,
  signOutSchema,
  tablesSchema,
} from './page-schemas.ts';
import { problemSchema } from './problems.ts';
import {
  approvalRequest,
  approvalSchema,
  approvalsSchema,
  certificateParam,
  certificateSchema,
  certificatesSchema,
  commandHeaders,
  commandParam,
  commandRequest,
  commandSchema,
  commandsSchema,
  dryRunSchema,
  differencesSchema,
  eventsHeaders,
  eventsQuery,
  healthSchema,
  journalPageSchema,
  journalQuery,
  migrationSchema,
  planSchema,
} from './schemas.ts';

function refused(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } } as const;
}

/** Of every request: each says what happened and what to do (RFC 9457). */
const whoever = {
  403: refused('Its Host or Origin is not of this API, or the token has not the role'),
  '5XX': refused('It could not be answered: a side or a file does not answer (503), or something failed inside (500)'),
} as const;
const problems = {
  401: refused('No valid token'),
  ...whoever,
  429: refused('Too many requests without a valid token, or too many streams'),
} as const;
const unlikeDescribed = { 400: refused('The request is not as it is described: `mistakes` tells where') } as const;
const nothing = { 404: refused('There is nothing of that name, or no migration was begun yet') } as const;
const ofBody = {
  ...unlikeDescribed,
  413: refused('The body is longer than 16 KiB'),
  415: refused('The body is not sent as application/json'),
} as const;
const notNow = { 409: refused('Not as things are now: a command runs, or it would change nothing') } as const;

const bearer = [{ bearer: [] }];

function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } } as const;
}

/** For programs that walk through the API: what of an answer names the next thing to ask. */
function linkTo(operationId: string, parameters: Readonly<Record<string, string>>) {
  return { operationId, parameters };
}

export const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether this process answers; says nothing of the migration. Asks for no token',
  responses: { 200: json(healthSchema, 'It does'), ...whoever },
});

export const signInRoute = createRoute({
  method: 'get',
  path: '/api/v1/sign-in',
  summary: 'How a person can sign in beside a token. Asks for no token',
  responses: { 200: json(signInSchema, 'The provider, where there is one'), ...problems },
});

export const signOutRoute = createRoute({
  method: 'post',
  path: '/api/v1/sign-out',
  summary: 'Ends the session of this browser. A token is not ended by it',
  security: bearer,
  responses: { 200: json(signOutSchema, 'Whether there was one'), ...problems },
});

export const callerRoute = createRoute({
  method: 'get',
  path: '/api/v1/caller',
  summary: 'Who the token or the session says you are, and what it is for',
  security: bearer,
  responses: { 200: json(callerSchema, 'Name, roles, and what is served'), ...problems },
});

export const migrationsRoute = createRoute({
  method: 'get',
  path: '/api/v1/migrations',
  summary:
    'Every migration that is served here, where it is and what it waits for; one that cannot be told says why, and hides no other',
  security: bearer,
  responses: { 200: json(migrationsSchema, 'In the order in which `teal serve` was given their files'), ...problems },
});

export const migrationRoute = createRoute({
  method: 'get',
  path: '/api/v1/migration',
  summary: 'Where the migration is, and what its flows say: what `teal status --json` prints',
  security: bearer,
  responses: { 200: json(migrationSchema, 'Where it is'), ...nothing, ...problems },
});

export const planRoute = createRoute({
  method: 'get',
  path: '/api/v1/plan',
  summary: 'Every step before anything runs: looks at both systems, changes nothing',
  security: bearer,
  responses: { 200: json(planSchema, 'What `teal plan --json` prints'), ...problems },
});

export const tablesRoute = createRoute({
  method: 'get',
  path: '/api/v1/tables',
  summary: 'What moves, with sizes, what is copied at this moment, and what the newest certificate says of each',
  security: bearer,
  responses: { 200: json(tablesSchema, 'Largest first'), ...problems },
});

export const gatesRoute = createRoute({
  method: 'get',
  path: '/api/v1/gates',
  summary: 'Every gate of the cut in the order of the file, with its last answer and the evidence of it',
  security: bearer,
  responses: { 200: json(gatesSchema, 'Also those that were not asked yet'), ...problems },
});

export const shadowRoute = createRoute({
  method: 'get',
  path: '/api/v1/shadow',
  summary: 'What reads of clients, put to green too, have found: by statement, without literals and values',
  security: bearer,
  responses: { 200: json(shadowSchema, 'Counts, an example, and the latency of both sides'), ...problems },
});

export const canaryRoute = createRoute({
  method: 'get',
  path: '/api/v1/canary',
  summary: 'What green answers of what clients read, and how it compares with blue, by statement without literals',
  security: bearer,
  responses: { 200: json(canarySchema, 'Counts since the share was set, and the latency of both sides'), ...problems },
});

export const rateHistoryRoute = createRoute({
  method: 'get',
  path: '/api/v1/rates',
  summary: 'The rates of the last quarter of an hour, as far as this process was there',
  security: bearer,
  responses: { 200: json(rateHistorySchema, 'Points, oldest first'), ...problems },
});

export const journalRoute = createRoute({
  method: 'get',
  path: '/api/v1/journal',
  summary: 'Records of the journal in order, a page at a time; their chain of hashes was verified',
  security: bearer,
  request: { query: journalQuery },
  responses: {
    200: json(journalPageSchema, 'Records after `after`, oldest first'),
    ...unlikeDescribed,
    ...nothing,
    ...problems,
  },
});

export const eventsRoute = createRoute({
  method: 'get',
  path: '/api/v1/events',
  summary: 'Server-sent events: `journal` (a JournalRecord, with its number as id) and `rates` (Rates, every 2 s)',
  security: bearer,
  request: { query: eventsQuery, headers: eventsHeaders },
  responses: {
    200: {
      description: 'A stream that ends when the client goes, does not read for 30 s, or the API stops',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...unlikeDescribed,
    ...problems,
  },
});

export const certificatesRoute = createRoute({
  method: 'get',
  path: '/api/v1/certificates',
  summary: 'The kept certificates, newest first, at most 100',
  security: bearer,
  responses: {
    200: {
      ...json(certificatesSchema, 'What each says in short'),
      links: { newest: linkTo('readCertificate', { name: '$response.body#/certificates/0/name' }) },
    },
    ...problems,
  },
});

export const certificateRoute = createRoute({
  method: 'get',
  operationId: 'readCertificate',
  path: '/api/v1/certificates/{name}',
  summary: 'One certificate, whole, after its sum was verified',
  security: bearer,
  request: { params: certificateParam },
  responses: { 200: json(certificateSchema, 'As it was kept'), ...unlikeDescribed, ...nothing, ...problems },
});

export const differencesRoute = createRoute({
  method: 'get',
  path: '/api/v1/differences',
  summary:
    'What the newest certificate says is not equal: tables, counts, columns and probable causes. Keys of rows, and SQL that shows and repairs them, for the role `operate` alone',
  security: bearer,
  responses: {
    200: json(differencesSchema, 'Empty lists where all was equal, or nothing was compared yet'),
    ...problems,
  },
});

export const approvalsRoute = createRoute({
  method: 'get',
  path: '/api/v1/approvals',
  summary: 'The gates of the file that ask a person, and who has said yes',
  security: bearer,
  responses: { 200: json(approvalsSchema, 'In the order of the file'), ...problems },
});

export const approveRoute = createRoute({
  method: 'post',
  path: '/api/v1/approvals',
  summary: 'Says yes to one gate that asks a person. Role `approve`. It holds for one cut to green, and starts nothing',
  security: bearer,
  request: { body: { required: true, content: { 'application/json': { schema: approvalRequest } } } },
  responses: {
    200: json(approvalSchema, 'Somebody had said yes already: nothing was added'),
    201: json(approvalSchema, 'Recorded in the journal, with who and when'),
    ...ofBody,
    ...nothing,
    ...notNow,
    ...problems,
  },
});

export const commandsRoute = createRoute({
  method: 'get',
  path: '/api/v1/commands',
  summary: 'Commands that were asked for here, newest first',
  security: bearer,
  responses: { 200: json(commandsSchema, 'At most 50'), ...problems },
});

export const commandRoute = createRoute({
  method: 'get',
  operationId: 'readCommand',
  path: '/api/v1/commands/{id}',
  summary: 'How a command is',
  security: bearer,
  request: { params: commandParam },
  responses: { 200: json(commandSchema, 'running, done, failed or lost'), ...unlikeDescribed, ...nothing, ...problems },
});

export const startRoute = createRoute({
  method: 'post',
  path: '/api/v1/commands',
  summary:
    'Starts a command as the command line does. Roles: verify `operate`; up and rollback `cut`; cutover `approve` and `cut`',
  security: bearer,
  request: {
    headers: commandHeaders,
    body: { required: true, content: { 'application/json': { schema: commandRequest } } },
  },
  responses: {
    200: json(z.union([commandSchema, dryRunSchema]), 'It was started before with this key; or what a dry run says'),
    202: {
      ...json(commandSchema, 'Recorded in the journal and started: ask its path (Location) how it is'),
      links: {
        howItIs: linkTo('readCommand', { id: '$response.body#/id' }),
        stopIt: linkTo('stopCommand', { id: '$response.body#/id' }),
      },
    },
    ...ofBody,
    ...nothing,
    ...notNow,
    ...problems,
  },
});

export const stopRoute = createRoute({
  method: 'post',
  operationId: 'stopCommand',
  path: '/api/v1/commands/{id}/stop',
  summary:
    'Stops a command that runs, as Ctrl-C does: it ends between two steps, and what it did stays. Role `operate`, or a role of the command',
  security: bearer,
  request: { params: commandParam },
  responses: {
    202: json(commandSchema, 'It was told: ask its path how it is'),
    ...unlikeDescribed,
    ...nothing,
    ...notNow,
    ...problems,
  },
});

export const alertsRoute = createRoute({
  method: 'post',
  path: '/api/v1/alerts',
  summary:
    'Tells how alerts are, for the question `alert` of gates and of a soak: the webhook of Alertmanager (version 4) or of Datadog. Role `alert`',
  security: bearer,
  request: { body: { required: true, content: { 'application/json': { schema: alertNotice } } } },
  responses: {
    200: json(alertsTaken, 'It is kept'),
    ...ofBody,
    413: refused('The notice is longer than 1 MiB'),
    ...problems,
  },
});

export const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'For Prometheus; docs/reference/metrics.md has the names',
  security: bearer,
  responses: {
    200: { description: 'Text exposition format 0.0.4', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
});
