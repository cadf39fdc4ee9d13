import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { endProcesses, queryUrl, type Ran } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const page = 'docs/guide/first-migration.md';

/** The commands of the page, in its order, as a reader would type them. */
async function commandsOf(path: string): Promise<readonly string[]> {
  const blocks = [...(await readFile(path, 'utf8')).matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block ?? '');
  return blocks.flatMap((block) => block.trim().split('\n'));
}

test('the first migration goes as its page says, command by command', async () => {
  const options = { superuserPassword: 'p%w', auth: 'scram-sha-256' } as const;
  await using stack = new AsyncDisposableStack();
  const [blue, green] = await Promise.all([ownServer(blueMajor(), options), ownServer(greenMajor(), options)]);
  stack.use(blue);
  stack.use(green);
  await queryUrl(
    blue.url,
    `create table customer (id int primary key, name text); insert into customer values (1, 'a');
     create role app login password 'pass-word'; grant select, insert on customer to app`,
  );
  const here = await mkdtemp(join(tmpdir(), 'teal-first-'));
  stack.defer(async () => rm(here, { recursive: true, force: true }));
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { PATH: process.env['PATH'] ?? '', HOME: here, NO_COLOR: '1', TEAL_PG_BIN: tools.binDir };
  const urls = { BLUE_URL: blue.url, GREEN_URL: green.url };
  stack.defer(async () => endProcesses(here));
  const program = `${process.execPath} ${tealMain}`;
  const port = await freePort();

  const type = async (line: string): Promise<Ran> => {
    const child = spawn('/bin/sh', ['-c', `teal() { ${program} "$@"; }; ${line}`], {
      cwd: here,
      env: { ...env, ...urls },
    });
    child.stdin.end();
    const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    return { code: Number(exit[0]), out, err };
  };
  const commands = (await commandsOf(page)).filter((line) => !line.startsWith('export '));
  expect(commands).toHaveLength(11);
  // The application's own role, which green does not have.
  const proxied = Object.assign(new URL(blue.url), { port: String(port), username: 'app', password: 'pass-word' }).href;
  let client: Client | undefined;
  try {
    for (const line of commands) {
      const ran = await type(line);
      expect(ran, `${line}\n${ran.out}${ran.err}`).toMatchObject({ code: line === 'teal up' ? 4 : 0 });
      if (line.startsWith('teal init')) await listenAt(join(here, 'teal.yaml'), port);
      if (line === 'teal up') {
        expect(ran.out).toContain('Waits: does operator say yes?');
        tellsPrograms(await type('teal up --json --events'));
        // A client comes to the proxy here, and is there until the end.
        client = new Client({ connectionString: proxied });
        await client.connect();
      }
      await client?.query('insert into customer select max(id) + 1, $1 from customer', [line]);
      if (line === 'teal cutover') expect(ran.out).toContain('green is live');
      if (line.startsWith('teal finalise --early')) await client?.end().then(() => (client = undefined));
    }
    expect(await queryUrl(green.url, 'select count(*) as n from customer')).toEqual([{ n: '8' }]);
    expect(await readFile(join(here, 'report.md'), 'utf8')).toContain('slow reports');
    await nothingListens(port);
  } finally {
    await client?.end();
  }
});

/** The page's port may be taken on this machine, and nobody waits ten seconds for a lag here: all that is changed. */
async function listenAt(file: string, port: number): Promise<void> {
  const before = await readFile(file, 'utf8');
  expect(before).toContain('127.0.0.1:6432');
  await writeFile(file, before.replace('127.0.0.1:6432', `127.0.0.1:${port}`).replace('for: 10s', 'for: 1s'));
}

async function nothingListens(port: number): Promise<void> {
  await waitFor({ what: 'the proxy to end', timeoutMs: 60_000 }, async () => {
    const client = new Client({ connectionString: `postgres://u@127.0.0.1:${port}/x` });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return undefined;
    } catch (error) {
      return Reflect.get(Object(error), 'code') === 'ECONNREFUSED' ? true : undefined;
    }
  });
}

/** One document on standard output, and an event in each line of standard error. */
function tellsPrograms({ code, out, err }: Ran): void {
  expect(code).toBe(4);
  expect(JSON.parse(out)).toMatchObject({ outcome: 'waiting', live: 'blue', next: ['teal cutover', 'teal abort'] });
  const events = err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly at: string; readonly kind: string });
  expect(events[0]).toMatchObject({ kind: 'opened', at: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['gate', 'verified']));
}
