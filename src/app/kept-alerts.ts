import { mkdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nowMs } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { heardNotice, nothingTold, type AlertNotice, type ToldAlerts } from '../model/alerts.ts';
import { takeLock } from './process-lock.ts';
import { replaceFile } from './supervisor-config.ts';

const lockPatienceMs = 3_000;

function alertsFile(stateDir: string): string {
  return join(stateDir, 'alerts.json');
}

/** What was told so far of alerts. TEAL-GATES-040 where the file is there and cannot be read. */
export function readAlerts(stateDir: string): ToldAlerts {
  const file = alertsFile(stateDir);
  try {
    const told = JSON.parse(readFileSync(file, 'utf8')) as ToldAlerts;
    if (told.version !== 1) throw new Error(`it is of version ${String(told.version)}`);
    return told;
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ENOENT') return nothingTold;
    throw new TealError('TEAL-GATES-040', `${file} cannot be read`, { file }, error);
  }
}

/**
 * Adds what a notice says, and tells how many alerts changed their state. Resolves when it is in the file: who tells may forget it then. Two that are told at once are added one after the
 * other. TEAL-SERVER-060 where it cannot be kept: whoever tells tries again.
 */
export async function keepAlerts(stateDir: string, notice: AlertNotice): Promise<number> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    using _ = await takeLock(join(stateDir, 'alerts.lock'), 'another notice of alerts to be kept', lockPatienceMs);
    const before = readAlerts(stateDir);
    const after = heardNotice(before, notice, nowMs());
    await replaceFile(alertsFile(stateDir), after);
    return changes(before, after);
  } catch (error) {
    throw new TealError('TEAL-SERVER-060', 'a notice of alerts is not kept', {}, error);
  }
}

function changes(before: ToldAlerts, after: ToldAlerts): number {
  const states = ({ alerts }: ToldAlerts): ReadonlySet<string> =>
    new Set(alerts.map(({ source, name, labels, state }) => [source, name, state, ...labels].join('\n')));
  return states(after).difference(states(before)).size;
}
