import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Desk, DeskState } from '../desk-router.ts';
import { runProgram } from '../program.ts';

export interface CommandDeskOptions {
  /** Programs and their arguments; no shell. What each is given and must answer: docs/guide/routers.md. */
  readonly read: readonly string[];
  readonly point: readonly string[];
  readonly holding?: { readonly hold: readonly string[]; readonly release: readonly string[] };
  /** The migration file's own, where they run. */
  readonly folder: string;
  /** Longer than this, and a program is killed. */
  readonly timeoutMs: number;
  /** Of a log: it is about the producers of these alone. Default: of all. */
  readonly topics?: readonly string[];
}

/** What `read` may print. */
const answers = /^(?<side>blue|green|unknown)(?<holding> holding)?$/;

/** Programs of the user's. Errors: TEAL-TRAFFIC-019. */
export function commandDesk({ read, point, holding, folder, timeoutMs, topics }: CommandDeskOptions): Desk {
  const about = topics === undefined ? {} : { TEAL_TOPICS: topics.join(',') };
  const run = async (
    command: readonly string[],
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    limitMs = timeoutMs,
  ): Promise<string> => {
    const said = await runProgram({ command, folder, timeoutMs: limitMs }, args, { ...about, ...env });
    return said.trim().replace(/\s+/g, ' ');
  };
  return {
    name: '`traffic.read`',
    read: async () => stateOf(await run(read)),
    point: async (side, epoch) => run(point, [side], { TEAL_SIDE: side, TEAL_EPOCH: String(epoch) }),
    ...(holding === undefined
      ? {}
      : {
          holding: {
            async hold({ cut, leaseMs, drainMs }) {
              const env = { TEAL_CUT: cut, TEAL_DRAIN_MS: String(drainMs), TEAL_LEASE_MS: String(leaseMs) };
              await run(holding.hold, [], env, Math.min(timeoutMs, drainMs));
            },
            release: async () => void (await run(holding.release)),
          },
        }),
  };
}

function stateOf(said: string): DeskState {
  const found = answers.exec(said)?.groups;
  if (found === undefined) {
    throw new TealError('TEAL-TRAFFIC-019', '`traffic.read` printed something else than blue, green or unknown');
  }
  return { side: found['side'] as Side | 'unknown', isHolding: found['holding'] !== undefined };
}
