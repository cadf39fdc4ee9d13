import type { Side } from '../../model/catalog.ts';
import type { GroupDesk } from '../../ports/groups.ts';
import { runProgram } from '../program.ts';

export interface GroupProgramsOptions {
  /** Programs and their arguments; no shell. Each is given the side and the group: docs/guide/kafka.md. */
  readonly stop: readonly string[];
  readonly start: readonly string[];
  /** The migration file's own, where they run. */
  readonly folder: string;
  /** Longer than this, and a program is killed. */
  readonly timeoutMs: number;
}

/** Programs of the user's that end and start the readers of a group. Errors: TEAL-TRAFFIC-019. */
export function groupPrograms({ stop, start, folder, timeoutMs }: GroupProgramsOptions): GroupDesk {
  const run = async (command: readonly string[], group: string, side: Side): Promise<void> => {
    await runProgram({ command, folder, timeoutMs }, [side, group], { TEAL_SIDE: side, TEAL_GROUP: group });
  };
  return {
    stop: async (group, side) => run(stop, group, side),
    start: async (group, side) => run(start, group, side),
  };
}
