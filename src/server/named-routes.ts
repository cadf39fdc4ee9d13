import { createRoute, z, type RouteConfig } from '@hono/zod-openapi';
import * as routes from './routes.ts';

/** Paths that are not of one migration. */
const ofAll: ReadonlySet<RouteConfig> = new Set([
  routes.healthRoute,
  routes.signInRoute,
  routes.signOutRoute,
  routes.callerRoute,
  routes.migrationsRoute,
]);

const migrationParam = z.string().min(1).max(200).openapi({ description: 'the name in its file' });

/** The same route of one of several migrations: `/api/v1/migrations/{migration}/…`. It asks for its name beside what it asks for by itself. */
export function ofOne<R extends RouteConfig>(route: R): R {
  const { request } = route;
  const params = request?.params instanceof z.ZodObject ? request.params : z.strictObject({});
  return createRoute({
    ...route,
    path: `/api/v1/migrations/{migration}${route.path.replace('/api/v1', '')}`,
    summary: `Of one of several migrations: ${route.summary ?? ''}`,
    request: { ...request, params: params.extend({ migration: migrationParam }) },
  }) as RouteConfig as R;
}

/** Every route that the API answers, by either path. */
export function describedRoutes(): readonly RouteConfig[] {
  const all: readonly RouteConfig[] = Object.values(routes);
  return [...all, ...all.filter((route) => !ofAll.has(route)).map((route) => ofOne(route))];
}
