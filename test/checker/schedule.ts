import { faultKinds, faultsOn, faultText, isCutStep, type PlannedFault } from './faults.ts';
import { isolations, type Isolation, type MicroOp } from '../../src/testing/checker/history.ts';
import { Random } from './random.ts';
import { pairKind, systemsText, type PairKind, type SystemName } from './systems.ts';

/** Of PostgreSQL. */
export const drivers = [
  'psycopg pool',
  'psycopg pipeline',
  'SQLAlchemy',
  'node-postgres',
  'postgres.js',
  'pgjdbc HikariCP',
  'pgx',
  'tokio-postgres',
  'pgbench',
] as const;
/** Of MySQL and MariaDB; and both together, by clients that follow the cut from one protocol to the other. */
const otherDrivers = { mysql: 'mysql2', 'mysql to postgres': 'mysql2 and pg' } as const;
export type Driver = (typeof drivers)[number] | (typeof otherDrivers)[keyof typeof otherDrivers];

export function asDriver(text: string): Driver {
  const driver = drivers.find((known) => known === text);
  if (driver === undefined) throw new RangeError(`no driver ${text} among ${drivers.join(', ')}`);
  return driver;
}

/** What a client's session holds on to, or does beside the plain. `plain` is most of them. */
export const sessionKinds = [
  'plain',
  'named statements',
  'settings',
  'temporary table',
  'cursor with hold',
  'listen',
  'advisory lock',
  'copy in',
  'long transactions',
  'savepoints',
  'two-phase',
] as const;
export type SessionKind = (typeof sessionKinds)[number];

/** What sessions of MySQL hold or do of that; what moves its sessions itself keeps nothing in them. */
const sessionsOf: Readonly<Record<Exclude<PairKind, 'postgres'>, readonly SessionKind[]>> = {
  mysql: [
    'plain',
    'named statements',
    'settings',
    'temporary table',
    'advisory lock',
    'long transactions',
    'savepoints',
  ],
  'mysql to postgres': ['plain', 'named statements', 'long transactions', 'savepoints'],
};

export interface ClientGroup {
  readonly driver: Driver;
  readonly session: SessionKind;
  readonly isolation: Isolation;
  readonly clients: number;
}

/**
 * What the runner does, one after another; `afterMs` is the time from the end of the one before. `switch` is a cut or a rollback: to the side that is not live then,
 * whatever faults made of the switch before it.
 */
export type Deed = { readonly afterMs: number } &
  /** Begins it; the next deeds come while it runs. It is started again when it was killed, and has to come to the end of `follow` before `verify`. */
  (
    | { readonly do: 'up' }
    | { readonly do: 'verify' }
    | { readonly do: 'switch'; readonly fault?: PlannedFault }
    | { readonly do: 'fault'; readonly fault: PlannedFault }
    /** To the end of a migration: finalise on whichever side is live; abort after a switch back to blue if need be; or just stop and look. */
    | { readonly do: 'finalise' }
    | { readonly do: 'abort' }
    | { readonly do: 'stop' }
  );

export interface Schedule {
  readonly seed: number;
  readonly blue: SystemName;
  readonly green: SystemName;
  readonly sizes: {
    readonly accounts: number;
    readonly lists: number;
    readonly rows: number;
    readonly values: number;
    /** Rows that no client touches: what makes the copy take its time. */
    readonly ballast: number;
    readonly toastBytes: number;
  };
  readonly groups: readonly ClientGroup[];
  /** How often each micro-operation is chosen, relative to the others. */
  readonly weights: readonly (readonly [MicroOp['f'], number])[];
  /** A client's pause between two transactions: where it is short, the machine is the limit. */
  readonly paceMs: number;
  /** Micro-operations of one transaction, at most. */
  readonly longest: number;
  readonly rolledBackShare: number;
  readonly deeds: readonly Deed[];
}

export interface ScheduleOptions {
  /** Those that are installed here; default all. */
  readonly drivers?: readonly Driver[];
  /** Of PostgreSQL, from which each side takes one; default all. */
  readonly majors?: readonly number[];
  /** Both sides, instead of that. */
  readonly systems?: readonly [blue: SystemName, green: SystemName];
  /** `short`: few clients, two switches, one fault: for every run of the tests. */
  readonly length?: 'short' | 'full';
  /** Of all faults these kinds alone, by name; default all. */
  readonly faults?: readonly string[];
}

/** Faults of one full schedule: so many seeds one after another meet every fault at every place. */
export const faultsEach = 4;
/** In an order that mixes kinds and places, the same for all seeds. */
const mixed = (kind: PairKind): readonly PlannedFault[] => new Random(1).shuffled(faultsOn(kind));

/** What a run does, from its seed alone: the same seed and options give the same schedule, on every machine. Seeds are counted from 1. */
export function scheduleOf(seed: number, options: ScheduleOptions = {}): Schedule {
  const { length = 'full', majors } = options;
  const random = new Random(seed);
  const [blue, green] = options.systems ?? systemsOf(random.fork('servers'), majors);
  const kind = pairKind(blue, green);
  const sizes = random.fork('sizes');
  const isShort = length === 'short';
  return {
    seed,
    blue,
    green,
    sizes: {
      accounts: sizes.between(3, 20),
      lists: sizes.between(4, 40),
      rows: sizes.between(10, 200),
      values: sizes.between(5, 50),
      ballast: isShort ? 2_000 : sizes.pick([2_000, 20_000, 100_000]),
      toastBytes: sizes.pick([3_000, 9_000, 40_000]),
    },
    groups:
      kind === 'postgres'
        ? groupsOf(random.fork('clients'), options.drivers ?? drivers, isShort)
        : groupsOfOne(random.fork('clients'), kind, isShort),
    weights: weightsOf(random.fork('weights')),
    paceMs: random.fork('pace').pick([10, 40, 80, 120]),
    longest: random.fork('length').pick([1, 3, 6, 12]),
    rolledBackShare: random.fork('rollback').pick([0, 0.02, 0.1]),
    deeds: deedsOf(random.fork('deeds'), faultsOf(seed, { kind, isShort, only: options.faults }), isShort),
  };
}

function systemsOf(
  random: Random,
  majors: readonly number[] = [14, 15, 16, 17, 18],
): readonly [blue: SystemName, green: SystemName] {
  const one = random.pick(majors);
  const other = random.pick(majors);
  return [`postgres-${Math.min(one, other)}`, `postgres-${Math.max(one, other)}`];
}

interface FaultChoice {
  readonly kind: PairKind;
  readonly isShort: boolean;
  readonly only: readonly string[] | undefined;
}

function faultsOf(seed: number, { kind, isShort, only }: FaultChoice): readonly PlannedFault[] {
  const all = mixed(kind);
  const chosen = only === undefined ? all : all.filter(({ fault }) => only.includes(fault));
  const count = Math.min(isShort ? 1 : faultsEach, chosen.length);
  return Array.from({ length: count }, (_, at) => chosen[(seed * count + at) % chosen.length]).filter(
    (fault) => fault !== undefined,
  );
}

/** One isolation in most runs, since what is promised between transactions is the least of theirs. */
function groupsOf(random: Random, available: readonly Driver[], isShort: boolean): readonly ClientGroup[] {
  const common = random.pick(isolations);
  const isMixed = random.chance(0.25);
  const chosen = random.shuffled(available).slice(0, isShort ? 2 : random.between(2, Math.max(2, available.length)));
  return chosen.flatMap((driver) => {
    const isolation = isMixed ? random.pick(isolations) : common;
    const plain: ClientGroup = { driver, session: 'plain', isolation, clients: random.between(1, isShort ? 2 : 4) };
    const session = random.pick(sessionKinds);
    if (session === 'plain' || cannotDo(driver, session) || !random.chance(0.5)) return [plain];
    return [plain, { driver, session, isolation, clients: random.between(1, 2) }];
  });
}

/** Of the one driver that there is. The first group is plain. */
function groupsOfOne(random: Random, kind: Exclude<PairKind, 'postgres'>, isShort: boolean): readonly ClientGroup[] {
  const common = random.pick(isolations);
  const isMixed = random.chance(0.25);
  const count = isShort ? 2 : random.between(2, 5);
  return Array.from({ length: count }, (_, at): ClientGroup => {
    const session = at === 0 ? 'plain' : random.pick(sessionsOf[kind]);
    const isolation = isMixed ? random.pick(isolations) : common;
    return { driver: otherDrivers[kind], session, isolation, clients: random.between(1, isShort ? 2 : 4) };
  });
}

/**
 * What the judge holds these clients to. REPEATABLE READ of MySQL and MariaDB reads one snapshot and writes over what is newest: between transactions it promises no more than
 * READ COMMITTED (MySQL manual, "Consistent Nonlocking Reads").
 */
export function promised({ driver, isolation }: ClientGroup): Isolation {
  return isMysql(driver) && isolation === 'repeatable read' ? 'read committed' : isolation;
}

/** Also of those that go on to PostgreSQL. */
export function isMysql(driver: Driver): boolean {
  return Object.values<Driver>(otherDrivers).includes(driver);
}

/**
 * pgbench runs scripts: it holds on to nothing. postgres.js (3.4) never ends a COPY that the server refuses after its last row: it has let go of the stream then, and of the error (`final` in
 * its connection.js waits for a CommandComplete).
 */
function cannotDo(driver: Driver, session: SessionKind): boolean {
  return driver === 'pgbench' || (driver === 'postgres.js' && session === 'copy in');
}

const usual: readonly (readonly [MicroOp['f'], number])[] = [
  ['append', 20],
  ['r', 15],
  ['transfer', 10],
  ['balances', 4],
  ['claim', 6],
  ['id', 6],
  ['insert', 6],
  ['touch', 10],
  ['move', 5],
  ['delete', 4],
  ['row', 6],
  ['bag', 6],
  ['unbag', 3],
  ['side', 4],
  ['sweep', 0.2],
];

/** Each run has its own favourites. */
function weightsOf(random: Random): readonly (readonly [MicroOp['f'], number])[] {
  return usual.map(([f, weight]) => [f, Math.round(weight * random.pick([0.3, 1, 1, 3]) * 100) / 100]);
}

/** Where no controller would run otherwise. */
const ofControllers: ReadonlySet<string> = new Set([
  'kill controller',
  'two controllers',
  'torn journal',
  'disk full journal',
]);

/** Faults that a controller meets on its way to the first gate: `up` and these are one deed for a runner. */
export function comesDuringUp({ fault, place }: PlannedFault): boolean {
  return place === 'set-up' || place === 'copy' || (place === 'follow' && ofControllers.has(fault));
}

/** The last switch is undisturbed: after all that was done to it, a migration still works. */
function deedsOf(random: Random, faults: readonly PlannedFault[], isShort: boolean): readonly Deed[] {
  const pause = (): number => random.between(200, isShort ? 1_000 : 2_500);
  const at = (...places: readonly PlannedFault['place'][]): readonly PlannedFault[] =>
    faults.filter(({ place }) => places.includes(place));
  const alone = (fault: PlannedFault): Deed => ({ afterMs: random.between(0, 1_000), do: 'fault', fault });
  const disturbed = faults
    .filter(({ place }) => isCutStep(place))
    .map((fault): Deed => ({ afterMs: pause(), do: 'switch', fault }));
  const calm = Array.from({ length: isShort ? 1 : random.between(0, 2) }, (): Deed => ({
    afterMs: pause(),
    do: 'switch',
  }));
  const verify = (): Deed => ({ afterMs: pause(), do: 'verify' });
  const middle = random.shuffled([
    ...disturbed,
    ...calm,
    ...at('follow', 'verify')
      .filter((fault) => !comesDuringUp(fault))
      .map(alone),
    ...(random.chance(0.7) ? [verify()] : []),
  ]);
  const ends: readonly Deed['do'][] = ['finalise', 'abort', 'stop'];
  return [
    { afterMs: pause(), do: 'up' },
    ...at('set-up', 'copy', 'follow').filter(comesDuringUp).map(alone),
    verify(),
    ...middle,
    { afterMs: pause(), do: 'switch' },
    verify(),
    { afterMs: pause(), do: random.pick(ends) } as Deed,
  ];
}

/** Whether a client may see an error in the time of this deed, and whether a switch has to come off. */
export function expects(deed: Deed): { readonly errors: boolean; readonly outcome: 'done' | 'aborted' | 'either' } {
  const fault = deed.do === 'switch' || deed.do === 'fault' ? deed.fault : undefined;
  const kind = faultKinds.find(({ name }) => name === fault?.fault);
  if (kind === undefined) return { errors: false, outcome: 'done' };
  return { errors: kind.breaksClients, outcome: kind.refusesCut === true ? 'aborted' : 'either' };
}

/** Of sessions that hold what cannot move, or that are in the way of the drain or of the fence: for a while only. */
const refusals: Partial<Record<SessionKind, string>> = {
  'temporary table': 'TEAL-STAGES-101',
  'cursor with hold': 'TEAL-STAGES-101',
  'advisory lock': 'TEAL-STAGES-101',
  'long transactions': 'TEAL-STAGES-100',
  'two-phase': 'TEAL-SYSTEMS-500',
};

/**
 * The codes with which a switch may be given up because of what its clients do, without a fault and without an error that any of them sees. Asked for again, it comes off: each holds
 * what is in the way for a moment, now and then. What holds locks (`long transactions`, `two-phase`) may also be in the way of the fence's.
 */
export function mayBeRefused(groups: readonly ClientGroup[]): ReadonlySet<string> {
  return new Set(groups.flatMap(({ session }) => refusals[session] ?? []));
}

/** Of these a refusal tells what sessions hold; the others may come of a slow machine, or of a fault that is not over everywhere. */
const ofSessions: ReadonlySet<string> = new Set(['TEAL-STAGES-101', 'TEAL-SYSTEMS-500']);

/** Whether a switch was refused for what none of these clients ever holds. */
export function isUnfounded(code: string, groups: readonly ClientGroup[]): boolean {
  return ofSessions.has(code) && !mayBeRefused(groups).has(code);
}

/** For a terminal and a bug report: the seed first, so that it can be run again. */
export function scheduleText(schedule: Schedule): string {
  const { seed, blue, green, sizes, groups, weights, paceMs, longest, rolledBackShare, deeds } = schedule;
  const lines = [
    `seed ${seed}: ${systemsText(blue, green)}`,
    `  tables   ${Object.entries(sizes)
      .map(([name, size]) => `${name} ${size}`)
      .join(', ')}`,
    ...groups.map(
      ({ driver, session, isolation, clients }, at) =>
        `  ${at === 0 ? 'clients ' : '        '} ${clients} × ${driver}, ${session}, ${isolation}`,
    ),
    `  writes   ${weights.map(([f, weight]) => `${f} ${weight}`).join(', ')}`,
    `  length   up to ${longest}, every ${paceMs} ms, ${Math.round(rolledBackShare * 100)} % rolled back`,
    ...deeds.map(
      (deed, at) =>
        `  ${at === 0 ? 'then    ' : '        '} after ${(deed.afterMs / 1000).toFixed(1)} s ${deedText(deed)}`,
    ),
  ];
  return lines.join('\n');
}

function deedText(deed: Deed): string {
  if (deed.do === 'fault') return faultText(deed.fault);
  if (deed.do === 'switch' && deed.fault !== undefined) return `switch, with ${faultText(deed.fault)}`;
  return deed.do;
}
