import { must } from '../../src/kernel/assert.ts';
import type { PairKind } from './systems.ts';

/** The steps of a cut in their order; their journal's names end so. */
export const cutSteps = [
  'hold',
  'fence',
  'token',
  'sequences',
  'last-look',
  'decide',
  'point',
  'release',
  'flow-back',
] as const;
export type CutStep = (typeof cutSteps)[number];

/** Where a run is when a fault comes. */
export const quietPlaces = ['set-up', 'copy', 'follow', 'verify'] as const;
export type Place = (typeof quietPlaces)[number] | CutStep;

/** Of a step: its intent is journalled and it has not acted; it has acted; it is journalled as done. */
export const edges = ['before', 'acted', 'journalled'] as const;
export type StepEdge = (typeof edges)[number];

export const pairs = [
  'client-proxy',
  'proxy-blue',
  'proxy-green',
  'forward-flow-blue',
  'forward-flow-green',
  'controller-green',
] as const;

export interface FaultKind {
  readonly name: string;
  readonly does: string;
  readonly places: readonly Place[];
  /** At each edge of a step; otherwise whenever the step is under way. */
  readonly atEdges?: boolean;
  /** Clients see errors that Teal is not to blame for, while it lasts. */
  readonly breaksClients: boolean;
  /** A cut that it meets must be given up; without it the cut may go either way. */
  readonly refusesCut?: boolean;
  /** The migration cannot go on: abort while blue is live, finalise while green is. */
  readonly ends?: true;
  /** Afterwards the sides differ: `teal verify --fix` and a comparison, before a cut can come off. */
  readonly repair?: true;
  /** From the injection to the healing, where the runner's own time (1 500) would not do. */
  readonly lastsMs?: number;
}

const everywhere: readonly Place[] = [...quietPlaces, ...cutSteps];
const flowing: readonly Place[] = ['follow', 'verify', ...cutSteps];
/** Where what is cut off matters: elsewhere it is the same as nearby. */
const linked: readonly Place[] = ['copy', 'follow', 'hold', 'fence', 'token', 'decide', 'point'];

const kill = (what: string, places: readonly Place[], breaksClients = false): FaultKind => ({
  name: `kill ${what}`,
  does: `kill -9 of the ${what}`,
  places,
  breaksClients,
});

const network = pairs.flatMap((pair): FaultKind[] => {
  const breaksClients = pair === 'client-proxy' || pair.startsWith('proxy-');
  return [
    {
      name: `cut ${pair}`,
      does: `every connection ${pair} is reset, and none is accepted for a while`,
      places: linked,
      breaksClients,
    },
    { name: `delay ${pair}`, does: `what goes over ${pair} takes 200 ms more`, places: linked, breaksClients: false },
    { name: `half-open ${pair}`, does: `${pair} swallows all bytes and says nothing`, places: linked, breaksClients },
  ];
});

/** Everything that is done to a run, by name. */
export const faultKinds: readonly FaultKind[] = [
  { ...kill('controller', everywhere), atEdges: true },
  kill('supervisor', ['copy', 'follow', 'decide', 'point']),
  kill('worker forward', ['copy', ...flowing]),
  kill('worker reverse', flowing),
  kill('proxy', ['copy', ...flowing], true),
  kill('holder', ['copy']),
  kill('both holders', ['copy']),
  kill('blue server', everywhere, true),
  kill('green server', everywhere, true),
  ...network,
  { name: 'disk full spool', does: 'no room for the spool', places: ['copy', 'follow', 'token'], breaksClients: false },
  {
    name: 'disk full journal',
    does: 'no room for the journal',
    places: ['copy', 'follow', 'fence', 'decide'],
    breaksClients: false,
  },
  {
    name: 'power cut worker',
    does: 'kill -9 of the worker whose source is live, and of its spool is lost what no sync had made durable',
    places: ['copy', 'follow', 'token'],
    breaksClients: false,
  },
  {
    name: 'disk full green',
    does: 'no room on green',
    places: ['copy', 'follow', 'token'],
    // Where green is live its own clients meet it.
    breaksClients: true,
  },
  {
    name: 'torn journal',
    does: 'the controller is killed and the last record of its journal cut short',
    places: ['copy', 'follow', 'fence', 'decide', 'point'],
    breaksClients: false,
  },
  {
    name: 'slot dropped',
    does: 'the slot of the forward flow is dropped',
    places: ['copy', 'follow', 'token'],
    breaksClients: false,
    ends: true,
  },
  {
    name: 'slot invalidated',
    does: 'the slot of the forward flow loses its log',
    places: ['copy', 'follow'],
    breaksClients: false,
    ends: true,
  },
  {
    name: 'stalled standby',
    does: 'commits on the live side wait for a synchronous standby that does not answer',
    places: ['copy', 'follow', 'hold', 'fence'],
    breaksClients: false,
  },
  {
    name: 'failover',
    does: 'blue fails over to a physical standby',
    places: ['copy', 'follow'],
    breaksClients: true,
    ends: true,
  },
  {
    name: 'ddl',
    does: 'a column is added to a table of the live side',
    places: ['copy', 'follow', 'verify', 'hold', 'fence'],
    breaksClients: false,
  },
  {
    name: 'long transaction',
    does: 'a client’s transaction stays open longer than a cut may wait',
    places: ['set-up', 'hold'],
    breaksClients: false,
    refusesCut: true,
    lastsMs: 8_000,
  },
  {
    name: 'rogue writer',
    does: 'somebody writes to the side that is not live, past its fence',
    places: ['follow', 'verify', 'last-look'],
    breaksClients: false,
    refusesCut: true,
    repair: true,
  },
  {
    name: 'straggler',
    does: 'a second proxy does not hear the controller; transactions that run there meet the fence',
    places: ['hold', 'fence', 'point'],
    breaksClients: true,
  },
  { name: 'deadline', does: 'the step takes longer than its limit', places: cutSteps, breaksClients: false },
  {
    name: 'two controllers',
    does: 'a second controller is started',
    places: ['copy', 'follow', 'fence', 'decide'],
    breaksClients: false,
  },
];

export interface PlannedFault {
  readonly fault: string;
  readonly place: Place;
  readonly edge?: StepEdge;
}

export function faultKindOf({ fault }: Pick<PlannedFault, 'fault'>): FaultKind {
  return must(
    faultKinds.find(({ name }) => name === fault),
    `the fault ${fault}`,
  );
}

export const isCutStep = (place: Place): place is CutStep => (cutSteps as readonly string[]).includes(place);

/** Every fault at every place where it can be, each once. */
export const allFaults: readonly PlannedFault[] = faultKinds.flatMap(({ name, places, atEdges = false }) =>
  places.flatMap((place): PlannedFault[] =>
    atEdges && isCutStep(place) ? edges.map((edge) => ({ fault: name, place, edge })) : [{ fault: name, place }],
  ),
);

/** What needs PostgreSQL: its slots, its standbys, its snapshot holders, the notes of its schema. */
const ofPostgres: ReadonlySet<string> = new Set([
  'kill holder',
  'kill both holders',
  'disk full green',
  'slot dropped',
  'slot invalidated',
  'stalled standby',
  'failover',
  'ddl',
  'straggler',
]);

/** Where clients go to the servers by themselves: what `proxy-blue` and `proxy-green` do is done to them. With nobody to hold them no open transaction keeps the fence away. */
const ofProxy: ReadonlySet<string> = new Set([
  'kill proxy',
  'cut client-proxy',
  'delay client-proxy',
  'half-open client-proxy',
  'long transaction',
]);

/** Of all faults those that can be brought about between such systems. */
export function faultsOn(kind: PairKind): readonly PlannedFault[] {
  if (kind === 'postgres') return allFaults;
  const others = allFaults.filter(({ fault }) => !ofPostgres.has(fault));
  return kind === 'mysql' ? others : others.filter(({ fault }) => !ofProxy.has(fault));
}

export function faultText({ fault, place, edge }: PlannedFault): string {
  return edge === undefined ? `${fault} at ${place}` : `${fault} at ${place} (${edge})`;
}

/** A fault that came to pass, and where. */
export interface MetFault {
  readonly fault: string;
  readonly place: string;
}

/** A fault with the places where it can be. */
export interface KindOfFault {
  readonly name: string;
  readonly places: readonly string[];
}

/**
 * How often each fault was injected at each place: rows are faults, columns places. A dash: it cannot be there; 0: it can, and was not. `injected` are those that came to
 * pass, not those that were planned.
 */
export function coverageTable(
  injected: readonly MetFault[],
  kinds: readonly KindOfFault[] = faultKinds,
  columns: readonly string[] = [...quietPlaces, ...cutSteps],
): string {
  const counts = new Map<string, number>();
  for (const { fault, place } of injected) counts.set(`${fault} ${place}`, (counts.get(`${fault} ${place}`) ?? 0) + 1);
  const cell = ({ name, places }: KindOfFault, place: string): string =>
    places.includes(place) ? `${counts.get(`${name} ${place}`) ?? 0}` : '-';
  const rows = kinds.map((kind) => [kind.name].concat(columns.map((place) => cell(kind, place))));
  const table = [['fault', ...columns], ...rows];
  const widths = table.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return table.map(line).join('\n');
}
