import { once } from 'node:events';
import { must } from '../../../src/kernel/assert.ts';
import { monotonicMs } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { Life } from '../../support/whole-life.ts';

/** The controller of an endurance run, in a process of its own: its memory is nobody else's. One question after another, by messages. */
export interface ControllerOptions {
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly majors: readonly [number, number];
  readonly lifeMs: number;
}

export type Ask = 'up' | 'switch' | 'verify' | 'finalise' | 'end';

export type Told =
  | { readonly told: 'began'; readonly proxyUrl: string; readonly folder: string }
  | {
      readonly told: 'done';
      readonly ask: Ask;
      readonly live: Side;
      readonly ms: number;
      readonly pauseMs: number | undefined;
      /** Tables that a comparison found different. */
      readonly different: readonly string[];
    }
  | { readonly told: 'failed'; readonly ask: Ask | 'begin'; readonly error: string };

async function answer(life: Life, ask: Ask): Promise<readonly string[]> {
  const { migration } = life;
  const before = migration.live;
  switch (ask) {
    case 'up':
      await migration.up();
      return [];
    case 'switch': {
      await (before === 'blue' ? migration.cutover() : migration.rollback('endurance'));
      if (migration.live === before) throw new Error(`still on ${before}`);
      return [];
    }
    case 'verify': {
      const { verified, result } = await migration.verify();
      const different = result.certificate.tables.filter(({ digest }) => digest?.blue !== digest?.green);
      return verified.equal ? [] : ['differences', ...different.map(({ schema, name }) => `${schema}.${name}`)];
    }
    case 'finalise':
      await migration.finalise({ early: true });
      return [];
    case 'end':
      await life[Symbol.asyncDispose]();
      return [];
  }
}

async function main(options: ControllerOptions): Promise<void> {
  const tell = (told: Told): void => void process.send?.(told);
  const pauses: number[] = [];
  const life = await Life.begin({
    name: 'endure',
    blueUrl: options.blueUrl,
    greenUrl: options.greenUrl,
    tools: await pgTools(...options.majors),
    lifeMs: options.lifeMs,
    gates: '[{ verify: full }, { person: tester }]',
    onEvent: (event) => {
      if (event.kind === 'cut' && event.pauseMs !== undefined) pauses.push(event.pauseMs);
    },
  });
  tell({ told: 'began', proxyUrl: life.proxyUrl, folder: life.folder });
  for (;;) {
    const [ask] = (await once(process, 'message')) as [Ask];
    const began = monotonicMs();
    pauses.length = 0;
    try {
      const different = await answer(life, ask);
      const { live } = life.migration;
      tell({ told: 'done', ask, live, ms: Math.round(monotonicMs() - began), pauseMs: pauses.at(-1), different });
    } catch (error) {
      tell({ told: 'failed', ask, error: describeError(error) });
    }
    if (ask === 'end') return process.disconnect?.();
  }
}

if (import.meta.main) {
  try {
    await main(JSON.parse(must(process.argv[2], 'options as JSON')) as ControllerOptions);
  } catch (error) {
    process.send?.({ told: 'failed', ask: 'begin', error: describeError(error) } satisfies Told);
    process.disconnect?.();
  }
}
