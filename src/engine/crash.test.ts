import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openJournalReader } from '../journal/journal.ts';
import { fileSteps, worldOf } from './test-support/file-steps.ts';

const program = fileURLToPath(new URL('test-support/run-file-steps.ts', import.meta.url));
const initial = { setting: 'default' };
const complete = { left: '', name: 'NAME', right: '', setting: 'full', thing: 'made', used: 'NAME' };

const stepIds = fileSteps('').map(({ id }) => id);
const edgesOf = (verb: 'step' | 'undo'): readonly string[] =>
  stepIds.flatMap((id) => ['before', 'acted', 'journalled'].map((edge) => `${verb}:${id}:${edge}`));
const upEdges = [...edgesOf('step'), 'world:half-made'];
const undoEdges = [...edgesOf('undo'), 'world:half-undone'];

/** A hundred short processes load the same modules. */
const compileCache = mkdtempSync(join(tmpdir(), 'teal-crash-cache-'));
afterAll(() => rmSync(compileCache, { recursive: true, force: true }));

/** A state directory, a world with one setting in it, and a ledger of failpoints. */
class Place implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'teal-crash-'));

  constructor() {
    mkdirSync(this.#at('world'));
    writeFileSync(this.#at('world/setting'), 'default');
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }

  /** Runs the little controller in a process of its own; `killed` when it died at a failpoint that is not in the ledger yet. */
  async controller(command: 'up' | 'undo', failpoints: string): Promise<'killed' | 'finished'> {
    const child = spawn(process.execPath, [program, command, this.#at('state'), this.#at('world')], {
      env: {
        ...process.env,
        TEAL_FAILPOINTS: this.#at('ledger'),
        TEAL_FAILPOINT_NAMES: failpoints,
        NODE_COMPILE_CACHE: compileCache,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL') return 'killed';
    expect(code).toBe(0);
    return 'finished';
  }

  get world(): Readonly<Record<string, string>> {
    return worldOf(this.#at('world'));
  }

  get stepStates(): readonly string[] {
    using reader = openJournalReader(this.#at('state'));
    const { steps } = reader.refresh();
    return stepIds.map((id) => steps[id]?.state ?? 'none');
  }

  get ledger(): readonly string[] {
    return readFileSync(this.#at('ledger'), 'utf8').trim().split('\n');
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe.concurrent('killed', { timeout: 300_000 }, () => {
  test.each(upEdges.map((edge, index) => ({ edge, undoEdge: undoEdges[index] ?? '' })))(
    'at $edge and run again it ends complete; then at $undoEdge and undone again nothing is left',
    async ({ edge, undoEdge }) => {
      using place = new Place();
      expect(await place.controller('up', edge)).toBe('killed');
      expect(await place.controller('up', edge)).toBe('finished');
      expect(place.world).toEqual(complete);
      expect(place.stepStates).toEqual(stepIds.map(() => 'done'));
      expect(await place.controller('undo', undoEdge)).toBe('killed');
      expect(await place.controller('undo', undoEdge)).toBe('finished');
      expect(place.world).toEqual(initial);
      expect(place.stepStates).toEqual(stepIds.map(() => 'undone'));
    },
  );

  test.each(upEdges)('at %s and undone from there nothing is left', async (edge) => {
    using place = new Place();
    expect(await place.controller('up', edge)).toBe('killed');
    expect(await place.controller('undo', edge)).toBe('finished');
    expect(place.world).toEqual(initial);
  });

  test.each(undoEdges.filter((edge) => !edge.endsWith(':journalled')))(
    'at %s and run forward all of it is there again',
    async (edge) => {
      using place = new Place();
      expect(await place.controller('up', edge)).toBe('finished');
      expect(await place.controller('undo', edge)).toBe('killed');
      expect(await place.controller('up', edge)).toBe('finished');
      expect(place.world).toEqual(complete);
      expect(place.stepStates).toEqual(stepIds.map(() => 'done'));
    },
  );
});

test('killed at every edge one after the other, forward and back', async () => {
  using place = new Place();
  const untilFinished = async (command: 'up' | 'undo'): Promise<number> => {
    let kills = 0;
    while ((await place.controller(command, '*')) === 'killed') kills += 1;
    return kills;
  };
  expect(await untilFinished('up')).toBe(upEdges.length);
  expect(place.world).toEqual(complete);
  expect(await untilFinished('undo')).toBe(undoEdges.length);
  expect(place.world).toEqual(initial);
  expect(place.ledger).toHaveLength(upEdges.length + undoEdges.length);
}, 300_000);
