import { must } from '../../../src/kernel/assert.ts';
import { movingParts } from '../../../src/stages/groups/group-places.ts';
import { cutSteps, edges, quietPlaces, type KindOfFault, type MetFault, type StepEdge } from '../faults.ts';

/** Logs have no sequences. */
const cutPlaces = cutSteps.filter((step) => step !== 'sequences');
export const logPlaces = [...quietPlaces, ...movingParts, ...cutPlaces] as const;
export type LogPlace = (typeof logPlaces)[number];

export interface LogFaultKind extends KindOfFault {
  readonly does: string;
  readonly places: readonly LogPlace[];
  /** At each edge of a step of a group or of a cut; otherwise whenever the step is under way. */
  readonly atEdges?: boolean;
  /** Clients see errors that Teal is not to blame for, while it lasts. */
  readonly breaksClients: boolean;
}

const flowing: readonly LogPlace[] = ['copy', 'follow', 'verify', 'carry', 'fence', 'token', 'decide', 'flow-back'];
const brokers: readonly LogPlace[] = ['copy', 'follow', 'carry', 'token', 'decide', 'point'];

/** Everything that is done to a run of two clusters, by name. */
export const logFaultKinds: readonly LogFaultKind[] = [
  {
    name: 'kill controller',
    does: 'kill -9 of the controller',
    places: logPlaces.filter((place) => place !== 'follow'),
    atEdges: true,
    breaksClients: false,
  },
  {
    name: 'kill supervisor',
    does: 'kill -9 of the supervisor',
    places: ['follow', 'carry', 'decide'],
    breaksClients: false,
  },
  { name: 'kill worker forward', does: 'kill -9 of the mirror', places: flowing, breaksClients: false },
  {
    name: 'kill worker reverse',
    does: 'kill -9 of the mirror back',
    places: flowing.filter((place) => place !== 'copy'),
    breaksClients: false,
  },
  { name: 'restart blue broker', does: 'kill -9 of the broker, and its start', places: brokers, breaksClients: true },
  { name: 'restart green broker', does: 'kill -9 of the broker, and its start', places: brokers, breaksClients: true },
  {
    name: 'torn journal',
    does: 'the controller is killed and the last record of its journal cut short',
    places: ['copy', 'carry', 'fence', 'decide'],
    breaksClients: false,
  },
  {
    name: 'two controllers',
    does: 'a second controller is started',
    places: ['copy', 'carry', 'fence'],
    breaksClients: false,
  },
];

export interface LogFault extends MetFault {
  readonly place: LogPlace;
  readonly edge?: StepEdge;
}

export const isOfCut = ({ place }: LogFault): boolean => (cutPlaces as readonly string[]).includes(place);
export const isOfGroup = ({ place }: LogFault): boolean => (movingParts as readonly string[]).includes(place);

export function logFaultKindOf({ fault }: MetFault): LogFaultKind {
  return must(
    logFaultKinds.find(({ name }) => name === fault),
    `the fault ${fault}`,
  );
}

/** Every fault at every place where it can be, each once. */
export const allLogFaults: readonly LogFault[] = logFaultKinds.flatMap(({ name, places, atEdges = false }) =>
  places.flatMap((place): LogFault[] => {
    const fault = { fault: name, place };
    return atEdges && (isOfCut(fault) || isOfGroup(fault)) ? edges.map((edge) => ({ ...fault, edge })) : [fault];
  }),
);

export function logFaultText({ fault, place, edge }: LogFault): string {
  return `${fault} at ${place}${edge === undefined ? '' : ` (${edge})`}`;
}
