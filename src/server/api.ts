import { OpenAPIHono, type Hook } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { tealVersion } from '../kernel/version.ts';
import {
  knownCaller,
  requireOneOf,
  requireRole,
  sameOrigin,
  strictHeaders,
  type ApiEnvironment,
  type KnownCallers,
  type WantedCall,
} from './access.ts';
import { audited, type Audit } from './audit.ts';
import { jsonOnly, limitedBody } from './bodies.ts';
import { consoleRoutes, type ConsoleFiles } from './console.ts';
import type { EventStreams } from './event-streams.ts';
import type { JournalFeed } from './journal-feed.ts';
import { methodsOf } from './known-paths.ts';
import type { CallerAnswer, GatesAnswer, RateHistoryAnswer, ShadowAnswer, TablesAnswer } from './page-schemas.ts';
import { problemOf, RequestMistakes } from './problems.ts';
import * as routes from './routes.ts';
import { commandRoles, ratesSchema } from './schemas.ts';
import type {
  Approval,
  ApprovalRequest,
  CertificateAnswer,
  CertificatesAnswer,
  CommandAnswer,
  CommandRequest,
  DifferencesAnswer,
  DryRun,
  MigrationAnswer,
  PlanAnswer,
} from './schemas.ts';
import type { Caller, Role } from './tokens.ts';

/** How commands are run. */
export interface Commands {
  readonly list: () => Promise<readonly CommandAnswer[]>;
  /** Undefined when there is none of that id. */
  readonly read: (id: string) => Promise<CommandAnswer | undefined>;
  readonly dryRun: (request: CommandRequest) => Promise<DryRun>;
  /** `started` is false where the same key of the same caller has started it before. Errors: TEAL-SERVER-014, TEAL-JOURNAL-003, -008. */
  readonly start: (
    request: CommandRequest,
    key: string,
    caller: Caller,
  ) => Promise<{ readonly command: CommandAnswer; readonly started: boolean }>;
  /** Tells its process to end between two steps. Errors: TEAL-SERVER-020 where none runs. */
  readonly stop: (id: string) => Promise<CommandAnswer>;
}

/** What the API asks of the migration. Each may be called at any time, any number of times at once. */
export interface Watched {
  /** The name in the file. */
  readonly name: string;
  readonly migration: () => Promise<MigrationAnswer>;
  readonly tables: () => Promise<TablesAnswer>;
  readonly gates: () => Promise<GatesAnswer>;
  readonly shadow: () => Promise<ShadowAnswer>;
  readonly plan: () => Promise<PlanAnswer>;
  readonly certificates: () => Promise<CertificatesAnswer>;
  /** Undefined when there is none of that name. */
  readonly certificate: (name: string) => Promise<CertificateAnswer | undefined>;
  /** `withRows`: with keys of rows, and statements that show them. */
  readonly differences: (withRows: boolean) => Promise<DifferencesAnswer>;
  readonly approvals: () => Promise<readonly Approval[]>;
  /** `added` is false where somebody had said yes already. */
  readonly approve: (
    request: ApprovalRequest,
    caller: Caller,
  ) => Promise<{ readonly approval: Approval; readonly added: boolean }>;
  readonly commands: Commands;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

export interface ApiOptions extends KnownCallers, Audit {
  readonly watched: Watched;
  readonly journal: JournalFeed;
  readonly events: EventStreams;
  readonly rateHistory: () => RateHistoryAnswer;
  /** Undefined where it was not built. */
  readonly console: ConsoleFiles | undefined;
  /** Names by which clients may ask, beside addresses and `localhost`. */
  readonly names: ReadonlySet<string>;
  readonly tls: boolean;
}

/** The version of the schemas, not of Teal. */
const apiVersion = '1.0.0';

/** The API as a function from requests to answers: no socket is open. */
export function buildApi(options: ApiOptions): OpenAPIHono<ApiEnvironment> {
  const app = new OpenAPIHono<ApiEnvironment>({ defaultHook: tellMistakes });
  app.use(strictHeaders(options.tls));
  consoleRoutes(app, options.console);
  app.use(sameOrigin(options.names));
  openRoutes(app);
  app.use(knownCaller(options));
  app.use(audited(options));
  app.use(limitedBody);
  for (const { path } of [routes.approveRoute, routes.startRoute]) app.post(path, jsonOnly);
  readingRoutes(app, options);
  approvalRoutes(app, options);
  commandRoutes(app, options);
  app.notFound((context) => {
    const methods = methodsOf(context.req.path);
    if (methods === undefined) throw new TealError('TEAL-SERVER-009', 'no such path');
    throw new TealError('TEAL-SERVER-050', 'no such method of this path');
  });
  app.onError((error, context) => {
    const problem = problemOf(plain(error));
    const { instance, code, status } = problem;
    // Those that say who may not come in are as many as anybody likes.
    if (status >= 500) options.log('failed', { instance, code, because: redact(describeError(error)) });
    return context.json(problem, status as 400, {
      'Content-Type': 'application/problem+json',
      ...(status === 401 ? { 'WWW-Authenticate': 'Bearer realm="teal"' } : {}),
      ...(status === 429 ? { 'Retry-After': '2' } : {}),
      ...(status === 405 ? { Allow: methodsOf(context.req.path)?.join(', ') ?? '' } : {}),
    });
  });
  return app;
}

/** The document of the API: what `/openapi.json` answers. */
export function describedApi(): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token made by `teal serve --new-token`. Where there is none, and the API listens on loopback, everybody may read.',
  });
  // Told in events alone, which a document cannot describe.
  app.openAPIRegistry.register('Rates', ratesSchema);
  for (const route of Object.values(routes)) app.openAPIRegistry.registerPath(route);
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Teal',
      version: apiVersion,
      description: `The API of \`teal serve\` (Teal ${tealVersion}). docs/guide/api.md tells how to use it.`,
    },
  });
}

/** For load balancers and for programs that make clients: nothing of the migration. */
function openRoutes(app: OpenAPIHono<ApiEnvironment>): void {
  const document = describedApi();
  app.openapi(routes.healthRoute, (context) => context.json({ status: 'ok' } as const, 200));
  app.get('/openapi.json', (context) => context.json(document));
}

function readingRoutes(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions): void {
  const { watched, journal, events } = options;
  app.openapi(routes.callerRoute, (context) => {
    const { name, roles } = context.var.caller;
    return context.json({ name, roles, version: tealVersion, migration: watched.name } satisfies CallerAnswer, 200);
  });
  app.openapi(routes.tablesRoute, async (context) => context.json(await watched.tables(), 200));
  app.openapi(routes.gatesRoute, async (context) => context.json(await watched.gates(), 200));
  app.openapi(routes.shadowRoute, async (context) => context.json(await watched.shadow(), 200));
  app.openapi(routes.rateHistoryRoute, (context) => context.json(options.rateHistory(), 200));
  app.openapi(routes.migrationRoute, async (context) => context.json(await watched.migration(), 200));
  app.openapi(routes.planRoute, async (context) => context.json(await watched.plan(), 200));
  app.openapi(routes.journalRoute, (context) => {
    const { after, limit } = context.req.valid('query');
    const records = journal.records(after, limit).map(({ seq, at, hash, event }) => ({ seq, at, hash, event }));
    const last = records.at(-1)?.seq;
    return context.json({ records, ...(records.length < limit || last === undefined ? {} : { next: last }) }, 200);
  });
  app.openapi(routes.eventsRoute, (context) => {
    const { after } = context.req.valid('query');
    const { 'last-event-id': last } = context.req.valid('header');
    const stream = events.follow(last ?? after ?? newest(journal));
    return context.body(stream, 200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }) as never;
  });
  app.openapi(routes.certificatesRoute, async (context) => context.json(await watched.certificates(), 200));
  app.openapi(routes.certificateRoute, async (context) => {
    const certificate = await watched.certificate(context.req.valid('param').name);
    if (certificate === undefined) throw new TealError('TEAL-SERVER-009', 'no such certificate');
    return context.json(certificate, 200);
  });
  app.openapi(routes.differencesRoute, async (context) =>
    context.json(await watched.differences(context.var.caller.roles.includes('operate')), 200),
  );
  app.openapi(routes.approvalsRoute, async (context) => context.json({ approvals: await watched.approvals() }, 200));
  app.openapi(
    routes.metricsRoute,
    async (context) =>
      context.body(await watched.metrics(), 200, {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      }) as never,
  );
}

function approvalRoutes(app: OpenAPIHono<ApiEnvironment>, { watched, log }: ApiOptions): void {
  app.openapi(routes.approveRoute, async (context) => {
    const { caller } = context.var;
    const request = context.req.valid('json');
    const asked = (await watched.approvals()).some(({ gate }) => gate === request.gate);
    context.set('wanted', { call: asked ? `approve ${request.gate}` : 'approve', role: 'approve', recorded: true });
    requireRole(caller, 'approve');
    const { approval, added } = await watched.approve(request, caller);
    log('approved', { by: caller.name, gate: approval.gate, added });
    return added ? context.json(approval, 201) : context.json(approval, 200);
  });
}

function commandRoutes(app: OpenAPIHono<ApiEnvironment>, { watched: { commands }, log }: ApiOptions): void {
  app.openapi(routes.commandsRoute, async (context) => context.json({ commands: await commands.list() }, 200));
  app.openapi(routes.commandRoute, async (context) => {
    const command = await commands.read(context.req.valid('param').id);
    if (command === undefined) throw new TealError('TEAL-SERVER-009', 'no such command');
    return context.json(command, 200);
  });
  app.openapi(routes.startRoute, async (context) => {
    const { caller } = context.var;
    const request = context.req.valid('json');
    context.set('wanted', wantedStart(request));
    for (const role of commandRoles[request.command]) requireRole(caller, role);
    if (request.dryRun) return context.json(await commands.dryRun(request), 200);
    const { command, started } = await commands.start(request, context.req.valid('header')['idempotency-key'], caller);
    if (!started) return context.json(command, 200);
    log('started', { by: caller.name, command: command.command, id: command.id });
    context.header('Location', `/api/v1/commands/${command.id}`);
    return context.json(command, 202);
  });
  app.openapi(routes.stopRoute, async (context) => {
    const { caller } = context.var;
    const { id } = context.req.valid('param');
    const known = await commands.read(id);
    const able: readonly Role[] = known === undefined ? ['operate'] : ['operate', ...commandRoles[known.command]];
    const call = known === undefined ? 'stop' : `stop ${known.command} ${id}`;
    context.set('wanted', { call, role: able.join(' or '), recorded: false });
    requireOneOf(caller, able);
    if (known === undefined) throw new TealError('TEAL-SERVER-009', 'no such command');
    const command = await commands.stop(id);
    log('stopped', { by: caller.name, command: command.command, id });
    return context.json(command, 202);
  });
}

function wantedStart({ command, dryRun }: CommandRequest): WantedCall {
  return { call: dryRun ? `dry run of ${command}` : command, role: commandRoles[command].join(','), recorded: true };
}

function newest(journal: JournalFeed): number {
  try {
    return journal.state().seq;
  } catch (error) {
    if (isTealError(error, 'TEAL-JOURNAL-008')) return 0;
    throw error;
  }
}

const tellMistakes: Hook<unknown, ApiEnvironment, string, unknown> = (result) => {
  if (result.success) return;
  throw new RequestMistakes(
    result.error.issues.map(({ path, message }) => ({
      at: `${result.target} ${path.join('.')}`.trim(),
      what: message,
    })),
  );
};

/** What the framework says of a body that is no JSON is of the request too. */
function plain(error: unknown): unknown {
  if (!(error instanceof HTTPException) || error.status >= 500) return error;
  return new RequestMistakes([{ at: 'json', what: 'not a body of the described form' }]);
}
