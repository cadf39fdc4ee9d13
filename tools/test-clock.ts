import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A test that takes longer than this is named while it runs, once in each such time: of a run that is ended from outside the last lines then say what it waited for. */
const everyMs = 120_000;

interface Running {
  readonly sinceMs: number;
  readonly name: string;
}

/** The files that took longest, longest first, as lines. */
export function slowest(seconds: ReadonlyMap<string, number>, most: number): readonly string[] {
  return [...seconds]
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([name, took]) => `${took.toFixed(1).padStart(8)} s  ${name}`);
}

/** What runs for longer than `everyMs`, as lines; when nothing runs at all, that. */
export function stillRunning(running: Iterable<Running>, nowMs: number): readonly string[] {
  const all = [...running];
  if (all.length === 0) return ['no test runs, and the run has not ended'];
  return all
    .filter(({ sinceMs }) => nowMs - sinceMs >= everyMs)
    .map(({ sinceMs, name }) => `still running after ${Math.round((nowMs - sinceMs) / 1_000)} s: ${name}`);
}

/** What passed only when it was tried again, with the first line of why it failed before. */
export function triedAgain(tests: ReadonlyMap<string, string>): readonly string[] {
  return [...tests].map(([name, why]) => `passed only when tried again: ${name}: ${why.split('\n', 1)[0] ?? ''}`);
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/** A reporter: where the time of a run goes, what is running when it goes nowhere, and what had to be tried again. */
export class TestClock implements Reporter {
  readonly #running = new Map<string, Running>();
  readonly #files = new Map<string, number>();
  readonly #began = new Map<string, number>();
  readonly #again = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.#timer = setInterval(() => {
      for (const line of stillRunning(this.#running.values(), performance.now())) process.stdout.write(`${line}\n`);
    }, everyMs);
    this.#timer.unref();
  }

  onTestModuleStart(module: TestModule): void {
    this.#start(module.id, module.relativeModuleId);
    this.#began.set(module.id, performance.now());
  }

  onTestCaseReady(test: TestCase): void {
    this.#start(test.id, nameOf(test));
  }

  onTestCaseResult(test: TestCase): void {
    this.#running.delete(test.id);
    if (test.diagnostic()?.flaky !== true) return;
    this.#again.set(nameOf(test), test.result().errors?.[0]?.message ?? 'it does not say why');
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.id);
    const began = this.#began.get(module.id);
    if (began !== undefined) this.#files.set(module.relativeModuleId, (performance.now() - began) / 1_000);
  }

  onTestRunEnd(): void {
    clearInterval(this.#timer);
    for (const line of triedAgain(this.#again)) process.stdout.write(`${line}\n`);
    if (this.#files.size < 10) return;
    process.stdout.write(`\nthe files that took longest:\n${slowest(this.#files, 25).join('\n')}\n`);
  }

  #start(id: string, name: string): void {
    this.#running.set(id, { sinceMs: performance.now(), name });
  }
}
