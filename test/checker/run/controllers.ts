import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { MigrationEvent, Outcome } from '../../../src/app/events.ts';
import { waitFor } from '../../../src/kernel/clock.ts';
import type { Comparison } from '../../../src/testing/checker/invariants.ts';
import type { ControllerLine, ControllerTask } from './controller.ts';
import { patiently } from './slowness.ts';

/** How a controller ended. `killed`: by a fault, or because it took longer than it may. */
export type Ended =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'comparison'; readonly comparison: Comparison }
  | { readonly kind: 'error'; readonly code: string; readonly text: string }
  | { readonly kind: 'killed' };

/** For people. */
export function endedText(ended: Ended): string {
  switch (ended.kind) {
    case 'outcome':
      return ended.outcome.outcome === 'no' ? `no: ${ended.outcome.what}` : ended.outcome.outcome;
    case 'comparison':
      return 'compared';
    case 'error':
      return `${ended.code} ${ended.text.slice(0, 600)}`;
    case 'killed':
      return 'killed';
  }
}

const longestMs = patiently(150_000);

/** One controller in a process of its own, which anything may happen to. */
export class Controller {
  readonly task: ControllerTask;
  readonly events: MigrationEvent[] = [];
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #onEvent: (event: MigrationEvent) => void;
  #hasEnded = false;
  #tookTooLong = false;

  /** `onEvent` hears each event as it comes. */
  constructor(task: ControllerTask, env: NodeJS.ProcessEnv, onEvent: (event: MigrationEvent) => void) {
    this.task = task;
    this.#onEvent = onEvent;
    const program = fileURLToPath(new URL('controller.ts', import.meta.url));
    this.#child = spawn(process.execPath, [program, JSON.stringify(task)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = this.#watch();
  }

  get pid(): number | undefined {
    return this.#hasEnded ? undefined : this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** It was ended by the runner because nothing came of it. */
  get tookTooLong(): boolean {
    return this.#tookTooLong;
  }

  /** Resolves with true when such an event was told, false when the controller ended without it. */
  async heard(matches: (event: MigrationEvent) => boolean, timeoutMs: number): Promise<boolean> {
    return waitFor({ what: 'an event of the controller', timeoutMs, everyMs: 5 }, () => {
      if (this.events.some(matches)) return true;
      return this.#hasEnded ? false : undefined;
    });
  }

  async #watch(): Promise<Ended> {
    const child = this.#child;
    const limit = setTimeout(() => {
      this.#tookTooLong = true;
      child.kill('SIGKILL');
    }, longestMs);
    let last: Ended = { kind: 'killed' };
    const lines = (async () => {
      for await (const line of createInterface({ input: child.stdout ?? ([] as never) }))
        last = this.#take(line) ?? last;
    })();
    const said = child.stderr === null ? Promise.resolve('') : text(child.stderr);
    await once(child, 'exit');
    clearTimeout(limit);
    await lines;
    this.#hasEnded = true;
    if (child.signalCode !== null) return { kind: 'killed' };
    return last.kind === 'killed' ? { kind: 'error', code: 'none', text: (await said).slice(-2_000) } : last;
  }

  #take(line: string): Ended | undefined {
    const told = JSON.parse(line) as ControllerLine;
    if ('event' in told) {
      this.events.push(told.event);
      this.#onEvent(told.event);
      return undefined;
    }
    if ('outcome' in told) return { kind: 'outcome', outcome: told.outcome };
    if ('comparison' in told) return { kind: 'comparison', comparison: told.comparison };
    return { kind: 'error', ...told.error };
  }
}
