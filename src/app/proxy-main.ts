import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describeError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { blueUrlVariable, greenUrlVariable, readProxyConfig } from '../traffic/proxy/config.ts';
import { wordsOf } from '../traffic/proxy/control-words.ts';
import { startProxyOfPair } from '../traffic/proxy/start.ts';
import { programUrl } from './program.ts';

/**
 * The proxy process: `proxy-main.ts <config.json>`, addresses of both sides by the environment. It ends when it is told to (SIGTERM, or `stop` on
 * its control socket), never because whoever started it has gone.
 */
const logger = pino({ base: { process: 'proxy' } });

try {
  const [blueUrl = '', greenUrl = ''] = [process.env[blueUrlVariable], process.env[greenUrlVariable]];
  const config = readProxyConfig(JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')));
  const workerEntry = fileURLToPath(programUrl('proxy-worker-main'));
  const named = logger.child({ migration: config.migration });
  const log = (event: string, facts: Readonly<Record<string, unknown>>): void => named.info(facts, event);
  const proxy = await startProxyOfPair({ config, blueUrl, greenUrl, workerEntry, log });
  process.on('SIGHUP', () => {});
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      void proxy.stop(asked ? 0 : undefined);
      asked = true;
    });
  }
  await proxy.stopped;
} catch (error) {
  // The last line: whoever started it tells it on.
  logger.fatal({ error: wordsOf(error) }, redact(describeError(error)));
  process.exitCode = 1;
}
