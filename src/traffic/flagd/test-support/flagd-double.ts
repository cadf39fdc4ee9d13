import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

interface Flag {
  readonly state: string;
  readonly variants: Readonly<Record<string, unknown>>;
  readonly defaultVariant: string;
}
type Flags = Readonly<Record<string, Flag>>;

export interface FlagdDouble extends AsyncDisposable {
  readonly config: string;
  readonly status: string;
  /** Whether it takes what is moved into place. */
  takes: boolean;
}

/**
 * A file of flags, and what answers for it as the OpenFeature Remote Evaluation Protocol (0.3) says that flagd does, and as flagd's own core was seen to do: by the default of the file, which it takes when another
 * file is at its path, as a whole or not at all; a flag that is disabled is none.
 */
export async function flagdDouble(given: string): Promise<FlagdDouble> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-flagd-'));
  const config = join(folder, 'flags.json');
  await writeFile(config, given);
  let taken = { ino: (await stat(config)).ino, flags: validIn(given) ?? {} };
  const server = createServer((request, response) => {
    void (async () => {
      const { ino } = await stat(config);
      if (it.takes && ino !== taken.ino) taken = { ino, flags: validIn(await readFile(config, 'utf8')) ?? taken.flags };
      const key = decodeURIComponent((request.url ?? '').replace('/ofrep/v1/evaluate/flags/', ''));
      const { context } = (await json(request)) as { readonly context?: unknown };
      const flag = taken.flags[key];
      const isAsked = request.method === 'POST' && context !== undefined;
      const [status, body] =
        flag?.state !== 'ENABLED' || !isAsked
          ? [404, { key, errorCode: 'FLAG_NOT_FOUND' }]
          : [200, { key, reason: 'STATIC', variant: flag.defaultVariant, value: flag.variants[flag.defaultVariant] }];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const it: FlagdDouble = {
    config,
    status: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    takes: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
  return it;
}

/** A file with a default that is no variant is none. */
function validIn(text: string): Flags | undefined {
  const { flags } = JSON.parse(text) as { readonly flags: Flags };
  return Object.values(flags).every(({ variants, defaultVariant }) => defaultVariant in variants) ? flags : undefined;
}
