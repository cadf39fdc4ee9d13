import { once } from 'node:events';
import { pino } from 'pino';
import { loadSpec } from './load-spec.ts';
import { filesIn } from './served-migrations.ts';
import { serveApi, type ServeApiOptions } from './serve-api.ts';

/** Serves the API in this process until SIGTERM or SIGINT. Logs JSON lines to standard output. Errors: those of `serveApi`. */
export async function runApi(options: Omit<ServeApiOptions, 'log'>): Promise<void> {
  const [file, ...others] = filesIn([options.file].flat());
  // Of several each line that is of one says of which.
  const of = file === undefined || others.length > 0 ? {} : { migration: loadSpec(file, options.env).spec.name };
  const logger = pino({ base: { process: 'api', ...of } });
  const told = new AbortController();
  const stop = (): void => told.abort();
  const hangUp = (): void => undefined;
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', hangUp);
  try {
    await using _api = await serveApi({ ...options, log: (event, facts) => logger.info(facts, event) });
    if (!told.signal.aborted) await once(told.signal, 'abort');
    logger.info('ending');
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', hangUp);
  }
  logger.info('ended');
}
