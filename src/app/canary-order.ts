import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TealError, isTealError } from '../kernel/errors.ts';
import { openJournalReader } from '../journal/journal.ts';
import type { CanaryOrder } from '../stages/canary/canary-steps.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';

/**
 * What a person has said to the canary of a migration, for the process that runs it, which looks once a second. It outlives that process: what is paused stays so, also when `teal up` is
 * run again.
 */
function orderFile(stateDir: string): string {
  return join(stateDir, 'canary-order');
}

export function readOrder(stateDir: string): CanaryOrder | undefined {
  if (!existsSync(orderFile(stateDir))) return undefined;
  return readFileSync(orderFile(stateDir), 'utf8') === 'abort' ? 'abort' : 'pause';
}

export function forgetOrder(stateDir: string): void {
  rmSync(orderFile(stateDir), { force: true });
}

/**
 * `pause`, `abort`: from when it returns on every read goes to blue. `resume`: the step begins anew. Errors: TEAL-STAGES-163 where no canary runs; `resume` may always be said.
 */
export async function orderCanary(loaded: LoadedSpec, order: CanaryOrder | 'resume'): Promise<void> {
  const { stateDir } = loaded;
  if (order === 'resume') {
    forgetOrder(stateDir);
    return;
  }
  requireCanary(loaded);
  writeFileSync(orderFile(stateDir), order, { mode: 0o600, flush: true });
  try {
    await new ProxyRouter(controlPath(stateDir, 'proxy')).canary.end();
  } catch (error) {
    // One that is gone sends nothing to green.
    if (!isTealError(error, 'TEAL-TRAFFIC-005')) throw error;
  }
}

function requireCanary({ spec, journal }: LoadedSpec): void {
  if (spec.canary === undefined) throw new TealError('TEAL-STAGES-163', 'the file has no canary');
  using reader = openJournalReader(journal);
  const state = reader.refresh().stages['canary']?.state ?? 'not begun';
  if (state !== 'running') throw new TealError('TEAL-STAGES-163', `the canary is ${state}`);
}
