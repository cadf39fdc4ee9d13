import { readFileSync } from 'node:fs';
import { sleep } from '../src/kernel/clock.ts';
import { readProcesses, treeOf } from './cpu.ts';

/** Programs of Teal, by what stands on their command line. */
const programs: Readonly<Record<string, string>> = Object.freeze({
  'teal-main': 'controller',
  'carrier-main': 'flow',
  'holder-main': 'holder',
  'supervisor-main': 'supervisor',
  'proxy-main': 'proxy',
});

const everyMs = 100;

/** The most memory (resident, MB) that any process of each of Teal's programs under a root has had, until it is ended. Empty where there is no /proc. */
export class MemoryWatch {
  readonly #peaks: Record<string, number> = {};
  readonly #root: () => number | undefined;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(root: () => number | undefined) {
    this.#root = root;
    this.#watching = this.#watch();
  }

  async end(): Promise<Readonly<Record<string, number>>> {
    this.#stop.abort();
    await this.#watching;
    this.#look();
    return this.#peaks;
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#look();
      await sleep(everyMs, this.#stop.signal).catch(() => undefined);
    }
  }

  #look(): void {
    const root = this.#root();
    if (root === undefined) return;
    for (const pid of treeOf(readProcesses(), root)) {
      const name = programOf(readIfThere(`/proc/${pid}/cmdline`));
      const peak = name === undefined ? undefined : peakOf(readIfThere(`/proc/${pid}/status`));
      if (name !== undefined && peak !== undefined) this.#peaks[name] = Math.max(this.#peaks[name] ?? 0, peak);
    }
  }
}

function programOf(commandLine: string): string | undefined {
  const found = Object.entries(programs).find(([file]) => commandLine.includes(`${file}.`));
  return found?.[1];
}

/** The system keeps the highest value itself (VmHWM): a look between two others misses nothing. In MB. */
export function peakOf(status: string): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Math.round((Number(kilobytes) * 1024) / 1e6);
}

/** Empty when the process has ended. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
