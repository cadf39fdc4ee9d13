import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs, sleep, waitFor } from '../../../src/kernel/clock.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { startPostgres } from '../../../tools/servers/postgres.ts';
import { execute, withClient } from '../../../tools/servers/with-client.ts';
import { checkRun, type Bound, type Leftover, type Sample } from '../../../src/testing/checker/invariants.ts';
import { leftoversOf } from '../run/leftovers.ts';
import { processesOf, standardBounds } from '../run/samples.ts';
import { nowUs } from '../run/tables.ts';
import { loadSql, missing, type LoadReport } from './load.ts';
import { Controller, Load } from './processes.ts';
import { Watch } from './watch.ts';

export interface EnduranceOptions {
  readonly majors: readonly [blue: number, green: number];
  readonly minutes: number;
  /** Of the switches, from the begin of one to the begin of the next. */
  readonly everyMs: number;
  readonly sampleMs: number;
  readonly say: (line: string) => void;
}

export interface Endurance {
  readonly samples: readonly Sample[];
  readonly bounds: readonly Bound[];
  readonly steadyFromUs: number;
  readonly switches: readonly Switch[];
  /** Attempts that were given up, with the reason: violations when they are more than one, and more than one for ten switches. */
  readonly givenUp: readonly string[];
  readonly load: LoadReport;
  /** Everything that must not be: each a sentence. */
  readonly violations: readonly string[];
}

export interface Switch {
  readonly atUs: number;
  readonly to: Side;
  readonly ms: number;
  readonly pauseMs: number | undefined;
}

const clients = { stay: 6, visit: 2, pauseMs: 20 } as const;

/** Two servers, a migration, a load through its proxy that never stops, and a switch every so often; then everything is ended, and what was seen is judged. */
export async function endure(options: EnduranceOptions): Promise<Endurance> {
  await using stack = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), 'teal-endure-'));
  stack.defer(async () => rm(scratch, { recursive: true, force: true }));
  const beacons = join(scratch, 'beacons');
  await mkdir(beacons);
  const server = async (major: number): ReturnType<typeof startPostgres> =>
    stack.use(await startPostgres({ major: asPostgresMajor(major), settings: { max_connections: '100' } }));
  const [blue, green] = await Promise.all([server(options.majors[0]), server(options.majors[1])]);
  const urls = { blue: blue.url, green: green.url };
  await execute(urls.blue, [loadSql]);
  const controller = stack.use(
    new Controller(beacons, { ...options, ...toUrls(urls), lifeMs: (options.minutes + 15) * 60_000 }),
  );
  const { proxyUrl, folder } = await controller.began();
  const load = stack.use(new Load({ ...clients, url: proxyUrl }));
  const began = monotonicMs();
  await controller.ask('up');
  options.say(`up after ${seconds(monotonicMs() - began)} s`);
  const watch = stack.use(
    await Watch.begin({
      folder,
      stateDir: join(folder, '.teal', 'endure'),
      beacons,
      urls,
      others: { controller: controller.pid, load: load.pid },
      everyMs: options.sampleMs,
    }),
  );
  const fromUs = nowUs();
  const untilUs = fromUs + options.minutes * 60e6;
  const { switches, givenUp } = await switchUntil(untilUs, controller, options);
  // Samples of the end are part of what is judged, after everything has come to rest.
  await sleep(options.sampleMs);
  await watch[Symbol.asyncDispose]();
  const steadyFromUs = fromUs + warmUpUs(nowUs() - fromUs);
  const verified = await controller.ask('verify');
  const finalised = await controller.ask('finalise');
  const report = await load.stop();
  const lost = await missing(urls[finalised.live], report.acknowledged);
  await controller.ask('end');
  const hasEnded = await controller.ended();
  const leftovers = await leftAt(urls, finalised.live);
  const bounds = standardBounds(watch.seen, {
    steadyFromUs,
    untilUs: nowUs(),
    switches: switches.filter(({ atUs }) => atUs >= steadyFromUs).length,
  });
  const seen = checkRun({
    end: 'finalised',
    accepts: { blue: await accepts(urls.blue), green: await accepts(urls.green) },
    leftovers,
    samples: watch.samples,
    bounds,
  });
  const violations = [
    ...seen.map(({ invariant, text }) => `invariant ${invariant}: ${text}`),
    ...report.failures.map((text) => `a client saw: ${text}`),
    ...lost,
    ...(givenUp.length > Math.max(1, switches.length / 10)
      ? givenUp.map((why) => `a switch was given up: ${why}`)
      : []),
    ...(hasEnded ? [] : ['the controller does not end: something that nobody has closed keeps it alive']),
    ...verified.different.map((table) => `${table} is not equal on both sides`),
    ...[...watch.pids].flatMap(([name, pids]) => (pids.size === 1 ? [] : [`${name} was started ${pids.size} times`])),
    ...(await waitForEnd(folder)),
  ];
  return { samples: watch.samples, bounds, steadyFromUs, switches, givenUp, load: report, violations };
}

/** A young process grows for minutes: a quarter of an hour where there is an hour, half of the time where there is less than half an hour. */
function warmUpUs(wholeUs: number): number {
  return Math.min(wholeUs / 2, 15 * 60e6);
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
const toUrls = (urls: Readonly<Record<Side, string>>): { readonly blueUrl: string; readonly greenUrl: string } => ({
  blueUrl: urls.blue,
  greenUrl: urls.green,
});

/** Attempts that may be given up one after another: a busy machine may keep clients waiting for too long, which ends an attempt and nothing else. */
const givenUpLimit = 5;

/** The last one makes green live: only then can a migration be finalised. */
async function switchUntil(
  untilUs: number,
  controller: Controller,
  { everyMs, say }: EnduranceOptions,
): Promise<{ readonly switches: readonly Switch[]; readonly givenUp: readonly string[] }> {
  const switches: Switch[] = [];
  const givenUp: string[] = [];
  const began = monotonicMs();
  for (let failures = 0; nowUs() < untilUs || switches.at(-1)?.to !== 'green';) {
    const due = began + (switches.length + givenUp.length + 1) * everyMs;
    await sleep(Math.max(0, due - monotonicMs()));
    const told = await controller.attempt('switch');
    const at = `${seconds(monotonicMs() - began).padStart(7)} s`;
    if (told.told !== 'done') {
      failures += 1;
      givenUp.push(JSON.stringify(told));
      say(`${at}  given up: ${givenUp.at(-1)}`);
      if (failures > givenUpLimit) throw new Error(`${failures} attempts in succession were given up`);
      continue;
    }
    failures = 0;
    const { live, ms, pauseMs } = told;
    switches.push({ atUs: nowUs(), to: live, ms, pauseMs });
    say(`${at}  ${live} is live, switched in ${seconds(ms)} s, clients waited ${pauseMs ?? '?'} ms`);
  }
  return { switches, givenUp };
}

async function leftAt(urls: Readonly<Record<Side, string>>, live: Side): Promise<readonly Leftover[]> {
  const each = (['blue', 'green'] as const).map(async (side) =>
    withClient(urls[side], async (client) => leftoversOf(client, side, side !== live)),
  );
  return (await Promise.all(each)).flat();
}

/** Tried, and taken back. */
async function accepts(url: string): Promise<boolean> {
  return withClient(url, async (client) => {
    await client.query('begin');
    try {
      await client.query('insert into loose values (-1, -1)');
      return true;
    } catch (error) {
      if (error instanceof Error && Reflect.get(error, 'code') === '25006') return false;
      throw error;
    } finally {
      await client.query('rollback');
    }
  });
}

async function waitForEnd(folder: string): Promise<readonly string[]> {
  let left = processesOf(folder);
  await waitFor({ what: 'every process to end', timeoutMs: 60_000 }, () => {
    left = processesOf(folder);
    return left.length === 0 || undefined;
  }).catch(() => undefined);
  return left.map(({ name, pid }) => `the ${name} (process ${pid}) has not ended`);
}
