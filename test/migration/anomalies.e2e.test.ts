import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isWatched, readSeen } from '../../src/app/watch/watch-process.ts';
import { keepMinute } from '../../src/app/watch/kept-minutes.ts';
import { nowMs, waitFor } from '../../src/kernel/clock.ts';
import { isProcessThere } from '../../src/kernel/process-there.ts';
import { minuteMs } from '../../src/observe/vitals/history.ts';
import { tealPlace } from '../support/teal-place.ts';

const schema = 'create table item (id int primary key); insert into item values (1)';
const patienceMs = 60_000;

test('both systems are watched while the flows run: by a process that is started again, goes on from what was seen, and ends with the migration', async () => {
  await using place = await tealPlace({ schema, spec: 'anomalies: { every: 1s, disk: { green: 100GB } }' });
  const stateDir = join(place.folder, '.teal', 'shop');
  const refused = await place.teal('anomalies');
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('TEAL-APP-050')]);

  const now = Math.floor(nowMs() / minuteMs) * minuteMs;
  for (let back = 180; back > 0; back--) {
    await keepMinute(stateDir, {
      atMs: now - back * minuteMs,
      values: { 'live.lockWaits': 0, 'green.databaseBytes': 9e10 - back * 1e8 },
    });
  }
  expect((await place.teal('up')).code).toBe(4);
  const told = await waitFor({ what: 'a look at both systems', timeoutMs: patienceMs }, async () => {
    const ran = await place.teal('anomalies');
    return ran.code === 0 ? ran.out : undefined;
  });
  expect(told).toContain('Nothing is out of the usual');
  expect(told).toMatch(/disk of the database of green: [\d.]+ MB of 100\.0 GB \(0%\),\s+full at/);
  expect(told).toMatch(/connections of blue: \d+ of \d+/);
  expect(told).not.toContain('trouble');

  const first = readSeen(stateDir)?.pid ?? 0;
  process.kill(first, 'SIGKILL');
  const second = await waitFor({ what: 'another to watch', timeoutMs: patienceMs }, () => {
    const seen = readSeen(stateDir);
    return seen !== undefined && seen.pid !== first && isProcessThere(seen.pid) ? seen : undefined;
  });
  expect(second.minutes).toBeGreaterThanOrEqual(180);
  const status = await place.teal('status', '--json');
  expect(JSON.parse(status.out)).toMatchObject({
    supervisor: { things: { anomalies: { restarts: 1 } } },
    anomalies: { open: [] },
  });

  expect((await place.teal('abort', '--yes')).code).toBe(0);
  await waitFor({ what: 'nobody to watch any more', timeoutMs: patienceMs }, () =>
    isProcessThere(second.pid) ? undefined : true,
  );
  expect(isWatched(stateDir)).toBe(false);
  expect((await place.teal('anomalies')).code).toBe(1);
});
