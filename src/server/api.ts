import { OpenAPIHono, type Hook, type RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { tealVersion } from '../kernel/version.ts';
import { alertsAlone, knownCaller, requireOneOf, requireRole, sameOrigin, type KnownCallers } from './access.ts';
import { noticeOf } from './alert-notices.ts';
import { audited } from './audit.ts';
import { jsonOnly, limitedBody } from './bodies.ts';
import { consoleRoutes, type ConsoleFiles } from './console.ts';
import type { ApiEnvironment, WantedCall } from './environment.ts';
import type { JournalFeed } from './journal-feed.ts';
import { methodsOf } from './known-paths.ts';
import { describedRoutes, ofOne } from './named-routes.ts';
import type { CallerAnswer } from './page-schemas.ts';
import { problemOf, RequestMistakes } from './problems.ts';
import * as routes from './routes.ts';
import { commandRoles, ratesSchema, type CommandRequest } from './schemas.ts';
import type { Migrations, ServedMigration } from './served.ts';
import { beginRoute, callbackRoute, type SignIn } from './sign-in/sign-in.ts';
import { strictHeaders } from './strict-headers.ts';
import type { Role } from './tokens.ts';

export interface ApiOptions extends KnownCallers {
  readonly migrations: Migrations;
  /** Undefined where it was not built. */
  readonly console: ConsoleFiles | undefined;
  /** Names by which clients may ask, beside addresses and `localhost`. */
  readonly names: ReadonlySet<string>;
  readonly tls: boolean;
  /** Names, counts and codes. */
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** The version of the schemas, not of Teal. */
const apiVersion = '1.0.0';

/** The API as a function from requests to answers: no socket is open. */
export function buildApi(options: ApiOptions): OpenAPIHono<ApiEnvironment> {
  const app = new OpenAPIHono<ApiEnvironment>({ defaultHook: tellMistakes });
  app.use(strictHeaders(options.tls));
  consoleRoutes(app, options.console);
  const { signIn } = options;
  if (signIn !== undefined) callbackRoute(app, { ...options, signIn });
  app.use(sameOrigin(options.names));
  openRoutes(app, signIn);
  if (signIn !== undefined) beginRoute(app, { ...options, signIn });
  app.use(knownCaller(options));
  app.use(audited(options.log));
  app.use(alertsAlone);
  app.use(limitedBody);
  callerRoutes(app, options);
  for (const placed of [asItIs, ofOne]) {
    for (const route of [routes.approveRoute, routes.startRoute, routes.alertsRoute])
      app.post(placed(route).path.replaceAll(/\{(\w+)\}/g, ':$1'), jsonOnly);
    readingRoutes(app, options, placed);
    approvalRoutes(app, options, placed);
    commandRoutes(app, options, placed);
    alertRoutes(app, options, placed);
  }
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
      'A token made by `teal serve --new-token`. Where there is none, and the API listens on loopback, everybody may read. Browsers of people who have signed in send a cookie instead, which is of no use to programs.',
  });
  // Told in events alone, which a document cannot describe.
  app.openAPIRegistry.register('Rates', ratesSchema);
  for (const route of describedRoutes()) app.openAPIRegistry.registerPath(route);
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
function openRoutes(app: OpenAPIHono<ApiEnvironment>, signIn: SignIn | undefined): void {
  const document = describedApi();
  const provider = signIn?.settings.issuer.host;
  app.openapi(routes.signInRoute, (context) => context.json(provider === undefined ? {} : { provider }, 200));
  app.openapi(routes.healthRoute, (context) => context.json({ status: 'ok' } as const, 200));
  app.get('/openapi.json', (context) => context.json(document));
}

function callerRoutes(app: OpenAPIHono<ApiEnvironment>, { migrations, signIn, log }: ApiOptions): void {
  app.openapi(routes.callerRoute, (context) => {
    const { caller, session } = context.var;
    const { name, roles } = caller;
    const until = session === undefined ? {} : { session: { untilIso: new Date(session.untilMs).toISOString() } };
    const migration = migrations.names.join(', ');
    const several = migrations.areSeveral ? { migrations: migrations.names } : {};
    const answer = { name, roles, version: tealVersion, migration, ...several, ...until };
    return context.json(answer satisfies CallerAnswer, 200);
  });
  app.openapi(routes.migrationsRoute, async (context) => context.json(await migrations.list(), 200));
  app.openapi(routes.signOutRoute, (context) => {
    const { caller, session } = context.var;
    if (signIn === undefined || session === undefined) return context.json({ ended: false }, 200);
    const ended = signIn.sessions.end(signIn.cookies.session(context) ?? '');
    signIn.cookies.dropSession(context);
    log('signed out', { by: caller.name });
    return context.json({ ended }, 200);
  });
}

type Placed = <R extends RouteConfig>(route: R) => R;
type Asked = Context<ApiEnvironment>;

/** Of the only migration there is. */
const asItIs: Placed = (route) => route;

/** Which migration the path of a request means. */
function servedBy({ migrations }: ApiOptions): (context: Asked) => ServedMigration {
  return ({ req }) => {
    const name = req.param('migration');
    return name === undefined ? migrations.only() : migrations.named(name);
  };
}

/** Of several each says which it is of. */
function toldOf({ migrations, log }: ApiOptions, name: string): ApiOptions['log'] {
  return (event, facts) => log(event, migrations.areSeveral ? { migration: name, ...facts } : facts);
}

function readingRoutes(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions, placed: Placed): void {
  const served = servedBy(options);
  app.openapi(placed(routes.tablesRoute), async (context) => context.json(await served(context).watched.tables(), 200));
  app.openapi(placed(routes.gatesRoute), async (context) => context.json(await served(context).watched.gates(), 200));
  app.openapi(placed(routes.canaryRoute), async (context) => context.json(await served(context).watched.canary(), 200));
  app.openapi(placed(routes.shadowRoute), async (context) => context.json(await served(context).watched.shadow(), 200));
  app.openapi(placed(routes.rateHistoryRoute), (context) => context.json(served(context).rateHistory(), 200));
  app.openapi(placed(routes.migrationRoute), async (context) =>
    context.json(await served(context).watched.migration(), 200),
  );
  app.openapi(placed(routes.planRoute), async (context) => context.json(await served(context).watched.plan(), 200));
  app.openapi(placed(routes.journalRoute), (context) => {
    const { after, limit } = context.req.valid('query');
    const { journal } = served(context);
    const records = journal.records(after, limit).map(({ seq, at, hash, event }) => ({ seq, at, hash, event }));
    const last = records.at(-1)?.seq;
    return context.json({ records, ...(records.length < limit || last === undefined ? {} : { next: last }) }, 200);
  });
  app.openapi(placed(routes.eventsRoute), (context) => {
    const { after } = context.req.valid('query');
    const { 'last-event-id': last } = context.req.valid('header');
    const { journal, events } = served(context);
    const stream = events.follow(last ?? after ?? newest(journal), context.var.isLetIn);
    return context.body(stream, 200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }) as never;
  });
  app.openapi(placed(routes.certificatesRoute), async (context) =>
    context.json(await served(context).watched.certificates(), 200),
  );
  app.openapi(placed(routes.certificateRoute), async (context) => {
    const certificate = await served(context).watched.certificate(context.req.valid('param').name);
    if (certificate === undefined) throw new TealError('TEAL-SERVER-009', 'no such certificate');
    return context.json(certificate, 200);
  });
  app.openapi(placed(routes.differencesRoute), async (context) =>
    context.json(await served(context).watched.differences(context.var.caller.roles.includes('operate')), 200),
  );
  app.openapi(placed(routes.approvalsRoute), async (context) =>
    context.json({ approvals: await served(context).watched.approvals() }, 200),
  );
  app.openapi(
    placed(routes.metricsRoute),
    async (context) =>
      context.body(await served(context).watched.metrics(), 200, {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      }) as never,
  );
}

function approvalRoutes(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions, placed: Placed): void {
  const served = servedBy(options);
  app.openapi(placed(routes.approveRoute), async (context) => {
    const { caller } = context.var;
    const request = context.req.valid('json');
    const { watched, calls } = served(context);
    const asked = (await watched.approvals()).some(({ gate }) => gate === request.gate);
    context.set('wanted', {
      call: asked ? `approve ${request.gate}` : 'approve',
      role: 'approve',
      recorded: true,
      calls,
    });
    requireRole(caller, 'approve');
    const { approval, added } = await watched.approve(request, caller);
    toldOf(options, watched.name)('approved', { by: caller.name, gate: approval.gate, added });
    return added ? context.json(approval, 201) : context.json(approval, 200);
  });
}

function commandRoutes(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions, placed: Placed): void {
  const served = servedBy(options);
  app.openapi(placed(routes.commandsRoute), async (context) =>
    context.json({ commands: await served(context).watched.commands.list() }, 200),
  );
  app.openapi(placed(routes.commandRoute), async (context) => {
    const command = await served(context).watched.commands.read(context.req.valid('param').id);
    if (command === undefined) throw new TealError('TEAL-SERVER-009', 'no such command');
    return context.json(command, 200);
  });
  app.openapi(placed(routes.startRoute), async (context) => {
    const { caller } = context.var;
    const request = context.req.valid('json');
    const { watched, calls } = served(context);
    context.set('wanted', { ...wantedStart(request), calls });
    for (const role of commandRoles[request.command]) requireRole(caller, role);
    const { name, commands } = watched;
    if (request.dryRun) return context.json(await commands.dryRun(request), 200);
    const { command, started } = await commands.start(request, context.req.valid('header')['idempotency-key'], caller);
    if (!started) return context.json(command, 200);
    toldOf(options, name)('started', { by: caller.name, command: command.command, id: command.id });
    context.header('Location', `${context.req.path}/${command.id}`);
    return context.json(command, 202);
  });
  app.openapi(placed(routes.stopRoute), async (context) => {
    const { caller } = context.var;
    const { id } = context.req.valid('param');
    const { watched, calls } = served(context);
    const { name, commands } = watched;
    const known = await commands.read(id);
    const able: readonly Role[] = known === undefined ? ['operate'] : ['operate', ...commandRoles[known.command]];
    const call = known === undefined ? 'stop' : `stop ${known.command} ${id}`;
    context.set('wanted', { call, role: able.join(' or '), recorded: false, calls });
    requireOneOf(caller, able);
    if (known === undefined) throw new TealError('TEAL-SERVER-009', 'no such command');
    const command = await commands.stop(id);
    toldOf(options, name)('stopped', { by: caller.name, command: command.command, id });
    return context.json(command, 202);
  });
}

function alertRoutes(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions, placed: Placed): void {
  const served = servedBy(options);
  app.openapi(placed(routes.alertsRoute), async (context) => {
    const { caller } = context.var;
    const { watched, calls } = served(context);
    context.set('wanted', { call: 'alerts', role: 'alert', recorded: true, calls });
    requireRole(caller, 'alert');
    const notice = noticeOf(context.req.valid('json'));
    const changed = await watched.alerts(notice);
    const { source, leftOut, alerts } = notice;
    // The same is told again and again while it fires.
    if (changed > 0 || leftOut > 0)
      toldOf(options, watched.name)('alerts', { by: caller.name, source, changed, leftOut });
    return context.json({ taken: alerts.length }, 200);
  });
}

function wantedStart({ command, dryRun }: CommandRequest): Omit<WantedCall, 'calls'> {
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
