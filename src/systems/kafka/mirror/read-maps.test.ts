import { expect, test } from 'vitest';
import { OffsetMap } from '../../../model/offset-map.ts';
import { foldControl } from '../control/control-state.ts';
import { joinMaps, type EpochMaps } from './read-maps.ts';

/** Blue 0–9 became green 5–9 and 11–15; green 17–19 (of its own) became blue 12–14; blue 16 became green 21. */
function epochs(): readonly EpochMaps[] {
  const there = new OffsetMap({ source: 0n, target: 5n });
  there.append({ sourceStart: 0n, targetStart: 5n, length: 5n });
  there.append({ sourceStart: 5n, targetStart: 11n, length: 5n });
  there.reachSource(11n);
  const back = new OffsetMap({ source: 17n, target: 11n });
  back.append({ sourceStart: 17n, targetStart: 12n, length: 3n });
  const again = new OffsetMap({ source: 16n, target: 20n });
  again.append({ sourceStart: 16n, targetStart: 21n, length: 1n });
  return [
    { source: 'blue', maps: new Map([['t/0', there]]) },
    { source: 'green', maps: new Map([['t/0', back]]) },
    { source: 'blue', maps: new Map([['t/0', again]]) },
  ];
}

const t0 = { topic: 't', partition: 0 };
const nobody = foldControl([]);
const owned = (owner: 'blue' | 'green', epoch: number) => ({
  blue: nobody,
  green: foldControl([{ kind: 'owner', epoch, owner, cut: 'c' }]),
});

test('one map over all epochs, in both directions', () => {
  const map = joinMaps('blue', t0, epochs(), owned('blue', 2));
  expect(map?.toTarget(7n)).toEqual({ kind: 'record', offset: 13n });
  expect(map?.toTarget(13n)).toEqual({ kind: 'record', offset: 18n });
  expect(map?.toTarget(11n)).toEqual({ kind: 'next', offset: 17n });
  expect(map?.toTarget(16n)).toEqual({ kind: 'record', offset: 21n });
  expect(map?.toTarget(17n)).toEqual({ kind: 'end', offset: 22n });
  expect(map?.toTarget(18n)).toEqual({ kind: 'beyond' });
  const back = joinMaps('green', t0, epochs(), owned('blue', 2));
  expect(back?.toTarget(18n)).toEqual({ kind: 'record', offset: 13n });
  expect(back?.toTarget(21n)).toEqual({ kind: 'record', offset: 16n });
});

test('on the side that does not own the records nothing lies beyond the map; on the other what was not mirrored does', () => {
  const two = epochs().slice(0, 2);
  expect(joinMaps('blue', t0, two, owned('green', 1))?.toTarget(40n)).toEqual({ kind: 'end', offset: 20n });
  expect(joinMaps('green', t0, two, owned('green', 1))?.toTarget(21n)).toEqual({ kind: 'beyond' });
  const one = epochs().slice(0, 1);
  expect(joinMaps('green', t0, one, owned('green', 1))?.toTarget(17n)).toEqual({ kind: 'beyond' });
  expect(joinMaps('blue', { topic: 'other', partition: 0 }, one, owned('green', 1))).toBeUndefined();
});
