import { expect, test } from 'vitest';
import { mirrorMakerPlugins } from './mirror-maker.ts';
import { MirrorMaker } from './mirror-maker-path.ts';
import { ConnectRest } from './rest.ts';

const run = '0badcafe';
const source = `teal-events-${run}-mm2-source`;
const task = (state: string, trace?: string) => ({
  id: 0,
  state,
  worker_id: 'one:8083',
  ...(trace === undefined ? {} : { trace }),
});
const statusOf = (state: string, tasks: readonly unknown[]) => ({
  name: source,
  connector: { state, worker_id: 'one:8083' },
  tasks,
  type: 'source',
});
const runs = statusOf('RUNNING', [task('RUNNING')]);

/** A worker's REST API as far as it is asked: what it answers to a request, by method and path. */
function makerOver(answer: (request: string, body: unknown) => unknown) {
  const asked: string[] = [];
  const double: typeof fetch = async (input, init) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    const request = `${init?.method} ${pathname}${search}`;
    asked.push(request);
    const found = answer(request, typeof init?.body === 'string' ? JSON.parse(init.body) : undefined);
    return found === undefined ? new Response('{}', { status: 404 }) : Response.json(found);
  };
  const log: string[] = [];
  const maker = new MirrorMaker({
    rest: new ConnectRest({ url: 'http://one:8083', fetch: double }),
    ends: {
      run: async () => run,
      known: async () => run,
      prepare: async () => undefined,
      clear: async () => undefined,
    },
    plan: (of, exactlyOnce) => ({
      migration: 'events',
      run: of,
      alias: 'a',
      source: {},
      target: {},
      topics: ['t'],
      replicationFactor: 1,
      tasks: 1,
      exactlyOnce,
    }),
    migration: 'events',
    log: (text) => log.push(text),
    lookEveryMs: 1,
  });
  return { maker, asked, log };
}

const plugins = Object.values(mirrorMakerPlugins).map((each) => ({ class: each, type: 'source' }));

test('workers that cannot write exactly once are taken too, and any other mistake is not', async () => {
  const exactly = (body: unknown) => (body as Record<string, string>)['exactly.once.support'];
  const answerOf = (wrong: string) => (request: string, body: unknown) => {
    if (request === 'GET /connector-plugins') return plugins;
    const errors = wrong !== 'exactly.once.support' || exactly(body) === 'required' ? ['no'] : [];
    return { error_count: errors.length, configs: [{ value: { name: wrong, errors } }] };
  };
  const atLeast = makerOver(answerOf('exactly.once.support'));
  expect(await atLeast.maker.check()).toEqual({ exactlyOnce: false });
  const wrong = makerOver(answerOf('topics'));
  await expect(wrong.maker.check()).rejects.toMatchObject({ code: 'TEAL-CARRIERS-011' });
});

test('a missing plugin is told before anything is made', async () => {
  const { maker, asked } = makerOver((request) =>
    request === 'GET /connector-plugins' ? plugins.slice(1) : undefined,
  );
  await expect(maker.begin()).rejects.toMatchObject({ code: 'TEAL-CARRIERS-013' });
  expect(asked.some((request) => request.startsWith('PUT'))).toBe(false);
});

test('a task that goes on failing is started again five times, and then no more', async () => {
  let hasBegun = false;
  const failed = statusOf('RUNNING', [task('FAILED', 'org.apache.kafka.common.errors.TimeoutException: of a row')]);
  const { maker, asked, log } = makerOver((request) => {
    return hasBegun && request.includes('mm2-source') ? failed : runs;
  });
  await maker.begin();
  hasBegun = true;
  await expect(maker.watch(new AbortController().signal)).rejects.toMatchObject({
    code: 'TEAL-CARRIERS-050',
    message: `TEAL-CARRIERS-050: ${source}: org.apache.kafka.common.errors.TimeoutException`,
  });
  expect(asked.filter((request) => request.includes('/restart?includeTasks=true&onlyFailed=true'))).toHaveLength(5);
  expect(log).toHaveLength(5);
});

test('a connector that somebody has deleted is told; one of which a worker knows no status yet is not', async () => {
  let hasBegun = false;
  let looks = 0;
  const { maker } = makerOver((request) => {
    if (request === 'GET /connectors') {
      looks += 1;
      return looks < 3 ? [source] : [];
    }
    return hasBegun && request.includes('mm2-source') ? undefined : runs;
  });
  await maker.begin();
  hasBegun = true;
  await expect(maker.watch(new AbortController().signal)).rejects.toMatchObject({ code: 'TEAL-CARRIERS-051' });
  expect(looks).toBe(3);
});

test('it is halted when no task is left, and its producers are fenced by its own offsets', async () => {
  const offsets = [{ partition: { topic: 't', partition: 0 }, offset: { offset: 7 } }];
  let looks = 0;
  let patched: unknown;
  const { maker, asked } = makerOver((request, body) => {
    if (request === 'GET /connectors') return [source];
    if (request.startsWith('PATCH')) patched = body;
    if (request.endsWith('/offsets')) return { offsets: [...offsets, { partition: { topic: 'u' }, offset: null }] };
    if (!request.endsWith('/status')) return {};
    looks += 1;
    if (looks === 1) return runs;
    return looks === 2 ? statusOf('STOPPED', [task('RUNNING')]) : statusOf('STOPPED', []);
  });
  await maker.halt();
  expect(looks).toBe(3);
  expect(asked).toContain(`PUT /connectors/${source}/stop`);
  expect(patched).toEqual({ offsets });
});
