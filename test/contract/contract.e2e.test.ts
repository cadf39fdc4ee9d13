import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askApi, openApiAnswer, type ApiAnswer } from '../../src/app/test-support/ask-api.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { problemSchema } from '../../src/server/problems.ts';
import * as routes from '../../src/server/routes.ts';
import { commandsSchema, differencesSchema, journalPageSchema, migrationSchema } from '../../src/server/schemas.ts';
import { checkContract, type ContractRun } from '../../tools/servers/schemathesis.ts';
import { serving } from '../support/serving.ts';
import { tealPlace } from '../support/teal-place.ts';

const schema = `create table customer (id int generated always as identity primary key, name text not null);
  insert into customer (name) select 'name ' || n from generate_series(1, 1000) n`;

/** As a stray session with the right to would. */
const spoil = `set session_replication_role = replica;
  select pg_replication_origin_create('spoiler'); select pg_replication_origin_session_setup('spoiler');
  update customer set name = name || ' ' where id <= 20`;

/** `make contract` asks for longer; in `make test` each role has a few requests of each route. */
const seconds = process.env['TEAL_CONTRACT_SECONDS'];
const seed = Number(process.env['TEAL_CONTRACT_SEED'] ?? randomInt(2 ** 31));
const roles = ['view', 'operate', 'approve', 'cut'] as const;

/** Streams never end, and who has no token is soon answered with 429: both have a test of their own below. */
const notHere = {
  excludePaths: ['/api/v1/events'],
  // The same routes once more, which one of several migrations answers: `serve-several.test.ts`.
  excludeForm: String.raw`^/api/v1/migrations/\{`,
  excludeChecks: ['ignored_auth', 'missing_required_header'],
};

/** What is read is the same for every role but `operate`; what is done is not. */
function ofRole(role: (typeof roles)[number]): Pick<ContractRun, 'examples' | 'method' | 'hooks'> {
  switch (role) {
    case 'view':
    case 'operate':
      return { examples: 4 };
    case 'approve':
      return { examples: 10, method: 'POST' };
    case 'cut':
      return { examples: 10, method: 'POST', hooks: join(import.meta.dirname, 'only_dry_runs.py') };
  }
}

test.skipIf(process.env['TEAL_SCHEMATHESIS'] === '')(
  'whatever the document allows, and what it does not, is answered as it says by a migration that runs, to every role',
  async () => {
    await using place = await tealPlace({ schema });
    const up = await place.teal('up');
    expect(up.code, up.err).toBe(4);
    // So that there is something to tell of differences and their causes.
    await place.query('green', spoil);
    expect((await place.teal('verify')).code).toBe(3);
    const made = new Map<string, string>();
    for (const role of roles) made.set(role, (await place.teal('serve', '--new-token', role, role)).out.trim());
    await using api = await serving(place);
    const tokenOf = (role: string): string => made.get(role) ?? '';
    const ask = async (role: string, path: string): Promise<ApiAnswer> =>
      askApi(api.url, { path, token: tokenOf(role) });
    const differs = differencesSchema.parse((await ask('operate', '/api/v1/differences')).json).tables[0];
    expect(differs).toMatchObject({ repair: { on: 'green', of: 20 } });
    expect(differs?.causes).not.toEqual([]);

    for (const [index, role] of roles.entries()) {
      const said = await checkContract({
        url: api.url,
        token: tokenOf(role),
        seed: seed + index,
        ...ofRole(role),
        folder: place.folder,
        ...(seconds === undefined ? {} : { seconds: Math.ceil(Number(seconds) / roles.length) }),
        ...notHere,
      });
      // A run that has asked nothing has no failures either.
      expect(Number(/(\d+) generated/.exec(said)?.[1]), said).toBeGreaterThan(50);
    }

    // What an operator's token has started ends, and nothing else has happened.
    await waitFor({ what: 'commands to end', timeoutMs: 240_000, everyMs: 500 }, async () => {
      const { commands } = commandsSchema.parse((await ask('view', '/api/v1/commands')).json);
      return commands.every(({ state }) => state !== 'running') ? true : undefined;
    });
    expect(migrationSchema.parse((await ask('view', '/api/v1/migration')).json)).toMatchObject({
      live: 'blue',
      phase: 'blue',
      cuts: [],
    });
    expect(api.said()).not.toContain('"msg":"failed"');

    // Every refusal of a role stands in the journal with its name.
    await waitFor({ what: 'refused calls to be in the journal', timeoutMs: 120_000, everyMs: 500 }, async () => {
      const { records } = journalPageSchema.parse((await ask('view', '/api/v1/journal?limit=500')).json);
      const refused = records.flatMap(({ event }) =>
        event.type === 'callAnswered' && event.answer === 'TEAL-SERVER-005' ? [event.by] : [],
      );
      return roles.every((role) => refused.includes(role)) ? true : undefined;
    });
    await eventsAreAsDescribed(api.url, tokenOf('view'));
    await nobodyIsLetIn(api.url);
  },
  600_000 + 1_000 * Number(seconds ?? 0),
);

async function eventsAreAsDescribed(url: string, token: string): Promise<void> {
  const path = '/api/v1/events';
  for (const after of ['', '?after=0', `?after=${Number.MAX_SAFE_INTEGER}`]) {
    const stream = await openApiAnswer(url, { path: `${path}${after}`, token });
    expect([stream.statusCode, stream.headers['content-type']], after).toEqual([200, 'text/event-stream']);
    stream.destroy();
  }
  for (const after of ['-1', '1.5', 'x', '', '0x1', String(Number.MAX_SAFE_INTEGER + 1), '9'.repeat(400)]) {
    for (const request of [{ path: `${path}?after=${after}` }, { path, headers: { 'last-event-id': after } }]) {
      const answer = await askApi(url, { ...request, token });
      expect([answer.status, problemSchema.parse(answer.json).code], after).toEqual([400, 'TEAL-SERVER-008']);
    }
  }
}

async function nobodyIsLetIn(url: string): Promise<void> {
  for (const { method, path } of Object.values(routes).filter((route) => 'security' in route)) {
    for (const token of [undefined, 'teal_none']) {
      const answer = await askApi(url, {
        method: method.toUpperCase(),
        path,
        ...(token === undefined ? {} : { token }),
      });
      expect([401, 429], path).toContain(answer.status);
      expect(problemSchema.parse(answer.json).code, path).toMatch(/TEAL-SERVER-00[47]/);
    }
  }
}
