import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allFaults, coverageTable, faultsOn, faultText, isCutStep, type PlannedFault } from './faults.ts';
import { Random } from './random.ts';
import {
  expects,
  faultsEach,
  isUnfounded,
  isMysql,
  mayBeRefused,
  promised,
  scheduleOf,
  scheduleText,
  type Schedule,
  type ScheduleOptions,
} from './schedule.ts';
import { asSystems, majorOf, pairKind } from './systems.ts';

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const faultsOf = ({ deeds }: Schedule): PlannedFault[] =>
  deeds.flatMap((deed) => ('fault' in deed && deed.fault !== undefined ? [deed.fault] : []));

describe('random numbers', () => {
  test('are those of the reference implementation', () => {
    const random = new Random(0, [1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test('are within their bounds, and reach them', () => {
    const random = new Random(7);
    const drawn = Array.from({ length: 1_000 }, () => random.between(3, 6));
    expect(new Set(drawn)).toEqual(new Set([3, 4, 5, 6]));
    expect(random.shuffled([1, 2, 3, 4]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });

  test('a fork does not move its parent', () => {
    const [plain, forked] = [new Random(5), new Random(5)];
    forked.fork('a').next();
    expect(forked.next()).toBe(plain.next());
    expect(plain.fork('a').next()).not.toBe(plain.fork('b').next());
  });
});

describe('a schedule', () => {
  test('is made of its seed alone', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(scheduleOf(seed)).toEqual(scheduleOf(seed));
        expect(scheduleText(scheduleOf(seed))).toContain(`seed ${seed}:`);
        expect(scheduleOf(seed)).not.toEqual({ ...scheduleOf(seed + 1), seed });
      }),
    );
  });

  /** A seed in a bug report is to do tomorrow what it did: another value means that all of them have another meaning. */
  test.each<[ScheduleOptions, string]>([
    [{}, '1741002b7b135a3f'],
    [{ drivers: ['node-postgres'] }, '4f1378540ac3a1d9'],
    [
      { length: 'short', drivers: ['node-postgres'], majors: [15, 18], faults: ['kill controller'] },
      '66f9e5562a4a9562',
    ],
  ])('is what it has always been, by %j', (options, digest) => {
    const hash = createHash('sha256');
    const schedules = Array.from({ length: 200 }, (_, at) => scheduleOf(at + 1, options));
    hash.update(schedules.map((each) => scheduleText(each) + JSON.stringify(each.deeds)).join('\n'));
    expect(hash.digest('hex').slice(0, 16)).toBe(digest);
  });

  test('begins with the migration and ends with an undisturbed switch, a comparison and an end', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom('short', 'full'), (seed, length) => {
        const { deeds, groups, blue, green } = scheduleOf(seed, { length });
        expect(deeds[0]?.do).toBe('up');
        expect(deeds.slice(-3).map((deed) => deed.do)).toEqual([
          'switch',
          'verify',
          expect.stringMatching(/^(finalise|abort|stop)$/),
        ]);
        expect(deeds.at(-3)).not.toHaveProperty('fault');
        expect(deeds.some((deed) => deed.do === 'fault' && isCutStep(deed.fault.place))).toBe(false);
        expect(groups.some(({ session }) => session === 'plain')).toBe(true);
        expect(Number(majorOf(blue))).toBeLessThanOrEqual(Number(majorOf(green)));
      }),
    );
  });

  test('uses what is there only', () => {
    const { groups, blue, green } = scheduleOf(3, { drivers: ['pgx'], majors: [15] });
    expect(new Set(groups.map(({ driver }) => driver))).toEqual(new Set(['pgx']));
    expect([blue, green]).toEqual(['postgres-15', 'postgres-15']);
  });

  test('one after another they meet every fault at every place', () => {
    const enough = Math.ceil(allFaults.length / faultsEach);
    expect(enough).toBeLessThanOrEqual(200);
    const met = new Set(
      Array.from({ length: enough }, (_, at) => scheduleOf(at + 1)).flatMap((each) =>
        faultsOf(each).map((fault) => faultText(fault)),
      ),
    );
    expect([...met].sort()).toEqual(allFaults.map((fault) => faultText(fault)).sort());
  });

  describe.each(['mysql-8.0>mysql-8.0', 'mariadb-10.11>mariadb-11.4', 'mysql-8.0>postgres-18'])('%s', (text) => {
    const systems = asSystems(text);
    const kind = pairKind(...systems);

    test('has clients of one driver, which do what they can on it', () => {
      fc.assert(
        fc.property(seeds, fc.constantFrom('short', 'full'), (seed, length) => {
          const { blue, green, groups } = scheduleOf(seed, { length, systems });
          expect([blue, green]).toEqual(systems);
          expect(groups[0]?.session).toBe('plain');
          for (const { driver, session } of groups) {
            expect(driver).toBe(kind === 'mysql' ? 'mysql2' : 'mysql2 and pg');
            expect(['listen', 'cursor with hold', 'copy in', 'two-phase']).not.toContain(session);
          }
        }),
      );
    });

    test('meets every fault that can be brought about there, and no other', () => {
      const enough = Math.ceil(faultsOn(kind).length / faultsEach);
      const met = Array.from({ length: enough }, (_, at) => scheduleOf(at + 1, { systems })).flatMap(faultsOf);
      expect([...new Set(met.map((fault) => faultText(fault)))].sort()).toEqual(
        faultsOn(kind)
          .map((fault) => faultText(fault))
          .sort(),
      );
      expect(met.map(({ fault }) => fault)).not.toContain('slot dropped');
    });
  });

  test('knows what moves', () => {
    expect(asSystems('postgres-15>postgres-18')).toEqual(['postgres-15', 'postgres-18']);
    for (const text of ['postgres-18>mysql-8.0', 'mysql-8.0', 'oracle-23>postgres-18', 'a>b>c'])
      expect(() => asSystems(text)).toThrow();
  });

  test('holds clients of MySQL to no snapshot that their writes do not have', () => {
    const group = { session: 'plain', clients: 1 } as const;
    expect(promised({ ...group, driver: 'mysql2', isolation: 'repeatable read' })).toBe('read committed');
    expect(promised({ ...group, driver: 'mysql2 and pg', isolation: 'serializable' })).toBe('serializable');
    expect(promised({ ...group, driver: 'pgx', isolation: 'repeatable read' })).toBe('repeatable read');
    expect(isMysql('pgx')).toBe(false);
  });

  test('says where a client may see an error, and where a cut must not come off', () => {
    expect(expects({ afterMs: 0, do: 'switch' })).toEqual({ errors: false, outcome: 'done' });
    expect(expects({ afterMs: 0, do: 'switch', fault: { fault: 'kill proxy', place: 'hold' } })).toEqual({
      errors: true,
      outcome: 'either',
    });
    expect(expects({ afterMs: 0, do: 'switch', fault: { fault: 'long transaction', place: 'hold' } })).toEqual({
      errors: false,
      outcome: 'aborted',
    });
  });

  test('says for what a cut may be given up because of what clients hold', () => {
    const group = { driver: 'pgx', isolation: 'serializable', clients: 1 } as const;
    expect(
      mayBeRefused([
        { ...group, session: 'plain' },
        { ...group, session: 'settings' },
      ]),
    ).toEqual(new Set());
    const holders = [{ ...group, session: 'advisory lock' }] as const;
    expect(mayBeRefused(holders)).toEqual(new Set(['TEAL-STAGES-101']));
    expect(isUnfounded('TEAL-STAGES-101', holders)).toBe(false);
    expect(isUnfounded('TEAL-SYSTEMS-500', holders)).toBe(true);
    expect(isUnfounded('TEAL-STAGES-101', [{ ...group, session: 'settings' }])).toBe(true);
    expect(isUnfounded('TEAL-STAGES-107', holders)).toBe(false);
  });

  test('is told so that a person sees what will be done', () => {
    const text = scheduleText(scheduleOf(7));
    expect(text).toMatch(/^seed 7: PostgreSQL 1[4-8] to 1[4-8]$/m);
    for (const line of [
      /^ {2}tables {3}accounts \d+/m,
      /^ {2}clients {2}\d × /m,
      / after \d+\.\d s up$/m,
      / s verify$/m,
    ])
      expect(text).toMatch(line);
    for (const fault of faultsOf(scheduleOf(7))) expect(text).toContain(faultText(fault));
  });
});

test('the table of coverage tells what was not injected from what cannot be', () => {
  const table = coverageTable([
    { fault: 'kill holder', place: 'copy' },
    { fault: 'kill holder', place: 'copy' },
  ]);
  const [head, ...rows] = table.split('\n').map((line) => line.trim().split(/ {2,}/));
  expect(head?.slice(0, 3)).toEqual(['fault', 'set-up', 'copy']);
  expect(rows.find(([name]) => name === 'kill holder')?.slice(1, 4)).toEqual(['-', '2', '-']);
  expect(rows.find(([name]) => name === 'kill both holders')?.slice(1, 4)).toEqual(['-', '0', '-']);
});
