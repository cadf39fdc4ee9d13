import type { MiddlewareHandler } from 'hono';
import { isTealError } from '../kernel/errors.ts';
import type { ApiEnvironment } from './environment.ts';
import { describedPath } from './known-paths.ts';

/** Takes names, counts and codes. */
type Log = (event: string, facts: Readonly<Record<string, unknown>>) => void;

const refusedStatuses: ReadonlySet<number> = new Set([403, 409]);

/**
 * Every call of a known caller is told: reading ones in the log alone, so that no reader fills the journal; those that act in the journal, by the command itself or here; those that would have acted and
 * were refused here. What is not a request as the document has it could not have acted.
 */
export function audited(log: Log): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    await next();
    const { req, res, error, var: said } = context;
    const code = isTealError(error) ? error.code : undefined;
    const by = said.caller.name;
    const told = { by, method: req.method, path: describedPath(req.path), status: res.status };
    log('asked', code === undefined ? told : { ...told, code });
    const { wanted } = said;
    if (wanted === undefined) return;
    const { call, role, recorded, calls } = wanted;
    if (code !== undefined && refusedStatuses.has(res.status)) calls.note({ by, call, role, answer: code });
    else if (res.status === 202 && !recorded) calls.note({ by, call, role, answer: 'accepted' });
  };
}
