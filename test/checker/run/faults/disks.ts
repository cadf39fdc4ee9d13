import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../../../src/kernel/clock.ts';
import { setFull, type Disk } from '../../seams/disk-full.ts';
import { flagsOf, ledgerOf } from '../../seams/index.ts';
import { loseUnsynced } from '../../seams/sync-ledger.ts';
import type { Injector } from '../world.ts';

/** Every process of Teal has the seam in it: see `seamEnvironment`. */
function full(disk: Disk): Injector {
  return async ({ folder }) => {
    setFull(flagsOf(folder), disk, true);
    return {
      what: `no room for the ${disk}`,
      heal: async () => setFull(flagsOf(folder), disk, false),
    };
  };
}

/** The worker's successor finds what the disk had: it takes longer to start than this takes. */
const powerCutWorker: Injector = async (world) => {
  const flow = (await world.live()) === 'blue' ? 'forward' : 'reverse';
  const spool = join(world.stateDir, `carrier-${flow}`, 'spool');
  // Rows are copied while it comes up.
  const pid = await waitFor({ what: `a worker of the ${flow} flow`, timeoutMs: 60_000, everyMs: 5 }, () =>
    existsSync(spool) ? world.pids(`worker ${flow}`)[0] : undefined,
  );
  process.kill(pid, 'SIGKILL');
  await waitFor({ what: `worker ${pid} to be gone`, timeoutMs: 60_000, everyMs: 1 }, () =>
    isGone(pid) ? true : undefined,
  );
  const lost = loseUnsynced(ledgerOf(world.folder), spool);
  const bytes = lost.reduce((sum, each) => sum + each.bytes, 0);
  return { what: `kill -9 of worker ${flow} ${pid}, ${bytes} bytes of its spool lost`, heal: async () => undefined };
};

/** A process that nobody has waited for yet writes no more. */
function isGone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch (error) {
    if (error instanceof Error && ['ENOENT', 'ESRCH'].includes(String(Reflect.get(error, 'code')))) return true;
    throw error;
  }
}

export const diskFaults: Readonly<Record<string, Injector>> = {
  'disk full spool': full('spool'),
  'disk full journal': full('journal'),
  'power cut worker': powerCutWorker,
};
