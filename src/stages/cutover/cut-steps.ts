import { sleep, waitFor, type Waiting } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Carrier, Flow, FlowMode, FlowStatus } from '../../ports/carrier.ts';
import type { Fence, FenceRows } from '../../ports/fence.ts';
import { tellSwitching, type HoldResult, type PinnedSession, type Router } from '../../ports/router.ts';
import type { SchemaMark, Schemas } from '../../ports/schemas.ts';
import type { Sequences } from '../../ports/sequences.ts';
import type { Probed, Step, StepContext } from '../../ports/step.ts';
import { canNeverGoOn, endOfFlow } from '../follow/follow-steps.ts';
import { answered, PauseClock } from './patience.ts';
import { straysOf, straysText } from './strays.ts';

export interface CutLimits {
  /** How long clients may be held in all, from the hold to the release. Past it the cut is undone. */
  readonly maxPauseMs: number;
  /** How long running transactions may take to end after the hold began. */
  readonly drainMs: number;
  readonly lockTimeoutMs: number;
  /** How long the flow back may take to go live. Clients do not wait for it. */
  readonly flowBackMs: number;
}

export interface Cut {
  readonly name: string;
  readonly epoch: number;
  readonly from: Side;
  readonly to: Side;
  /** Of a log: these alone. Absent: all that `from` owns. The ports are about the same. */
  readonly topics?: readonly string[];
}

/** For a flow that does not tell all that was done on its source. The source is closed while these are asked. */
export interface Equalizer {
  /** Every row of both sides, at one position. */
  readonly compare: (signal: AbortSignal) => Promise<{ readonly equal: boolean; readonly evidence: string }>;
  /** Makes the target what the source is. Answers how many rows were changed. */
  readonly repair: (signal: AbortSignal) => Promise<number>;
}

export interface CutPorts {
  readonly fences: Readonly<Record<Side, Fence>>;
  readonly router: Router;
  readonly carrier: Carrier;
  /** Absent where nothing gives out numbers. */
  readonly sequences?: Sequences;
  readonly schemas: Schemas;
  /** How many of the transactions on a side that are not Teal's were there already when the sides were last found equal: they are no reason against a cut. */
  readonly settled: (side: Side) => number;
  /** Whether the flow from a side brings its tables in no order among themselves: the token alone says nothing of them then, and one more sign must come through. Default: none does. */
  readonly isUnordered?: (from: Side) => boolean;
  /** Of the flow from a side; undefined where it tells all. */
  readonly equalizer?: (from: Side) => Equalizer | undefined;
}

/**
 * One change of ownership as steps (correctness.md §3.3). Everything before `decide` is undone by its `undo`; `decide` is the point after which the
 * only way is forward, and back again by another cut. `schema`: that of the losing side for which the cut was allowed; the fence refuses another.
 */
export function cutSteps(cut: Cut, ports: CutPorts, limits: CutLimits, schema?: SchemaMark): readonly Step[] {
  const clock = new PauseClock(limits.maxPauseMs);
  const token: TokenOfCut = { name: `${cut.name}/${cut.from}`, position: undefined, schema };
  return [
    holdStep(cut, ports, limits, clock),
    fenceStep(cut, ports, limits, clock, token),
    tokenStep(cut, ports, clock, token),
    ...arrivedSteps(cut, ports, clock),
    ...equalSteps(cut, ports, clock),
    ...sequencesSteps(cut, ports, clock),
    lastLookStep(cut, ports, limits, clock),
    decideStep(cut, ports, limits, clock),
    pointStep(cut, ports),
    releaseStep(cut, ports),
    flowBackStep(cut, ports, limits),
  ];
}

/** The step that decides: after it nothing is undone, only finished. */
export function decideStepId(cut: Cut): string {
  return stepId(cut, 'decide');
}

interface TokenOfCut {
  readonly name: string;
  position: Position | undefined;
  /** What the losing side must still look like when it is written. */
  readonly schema: SchemaMark | undefined;
}

function stepId(cut: Cut, what: string): string {
  return `cut:${cut.name}:${what}`;
}

export function flowFrom(side: Side): Flow {
  return side === 'blue' ? 'forward' : 'reverse';
}

/**
 * What a flow is to what a cut is about. Where topics are cut one by one both flows carry some, each what its source owns: who owns what this cut is about is told by the owner rows, and the flow
 * back carries it as soon as it knows of the decision.
 */
export function modeIn(cut: Cut, { flow, mode, part }: Pick<FlowStatus, 'flow' | 'mode' | 'part'>): FlowMode {
  if (part === undefined || flow === flowFrom(cut.from)) return mode;
  return part.epoch >= cut.epoch ? mode : 'shadow';
}

function holdsClients({ router }: Pick<CutPorts, 'router'>): boolean {
  return router.holdsClients !== false;
}

/** What it is to clients that a cut stands still; `until` ends it. */
export function untilThen(ports: Pick<CutPorts, 'router'>): string {
  return holdsClients(ports) ? 'clients wait until' : 'writes are refused until';
}

const notDone: Probed = { state: 'not done' };
const nothing = async (): Promise<void> => {};

function holdStep(cut: Cut, ports: CutPorts, limits: CutLimits, clock: PauseClock): Step {
  const isHeld = holdsClients(ports);
  return {
    id: stepId(cut, 'hold'),
    does: isHeld
      ? `asks the router to let new transactions wait, and waits until those that run on ${cut.from} have ended; cancels none`
      : 'begins the time within which writes may be refused: no router holds the clients back',
    locks: `nothing; ${isHeld ? 'clients wait' : 'the writes of clients are refused for'} at most ${limits.maxPauseMs} ms in all`,
    costs: isHeld
      ? `a transaction that runs longer than ${limits.drainMs} ms ends the attempt, not the transaction`
      : 'nothing',
    undone: isHeld ? `what waits goes on, on ${cut.from}` : 'nothing to undo',
    probe: async () => {
      const seen = await ports.router.read();
      if (seen.mode !== 'holding' || seen.inFlight > 0) return notDone;
      return done(isHeld ? heldText(seen) : 'nobody is held: writes are refused from the fence on');
    },
    act: async () => {
      const held = await ports.router.hold({ cut: cut.name, leaseMs: limits.maxPauseMs, drainMs: limits.drainMs });
      clock.start(held.waitedMs);
      if (!held.drained) throw notDrained(held);
      return { clients: held.clients, drainedAfterMs: Math.round(held.waitedMs) };
    },
    undo: async () => ports.router.release(),
  };
}

/** Not every router counts its clients. */
function heldText({ clients }: { readonly clients: number }): string {
  return clients === 0 ? 'clients are held' : `${clients} clients wait`;
}

function fenceStep(cut: Cut, ports: CutPorts, limits: CutLimits, clock: PauseClock, token: TokenOfCut): Step {
  const fence = ports.fences[cut.from];
  const told = fence.told?.(cut.from, limits.lockTimeoutMs).raising;
  return {
    id: stepId(cut, 'fence'),
    does: `${told?.does ?? `closes ${cut.from} to writes and writes the token`}; refuses a schema that is not the one that was compared`,
    locks: told?.locks ?? `what the fence of ${cut.from} takes, for a moment`,
    costs: told?.costs ?? 'a moment',
    undone: told?.undone ?? `the tables of ${cut.from} take writes again`,
    // The token is of the transaction that closed every table. Whether one was opened since, the last look asks of all of them.
    probe: async () => {
      const { tokens } = await clock.within(`a look at the fence of ${cut.from}`, async (signal) =>
        fence.written(signal),
      );
      return tokens.includes(token.name) ? done(`token ${token.name}`) : notDone;
    },
    act: async () => {
      clock.check('closing the tables');
      // Not cut short when the clients' patience ends: where this side is silent nobody can open it to them, and a commit that waits for a standby is best awaited.
      token.position = await answered(`closing the tables of ${cut.from}`, async (signal) =>
        fence.raise({
          cut: cut.name,
          token: token.name,
          epoch: cut.epoch,
          lockTimeoutMs: Math.max(1, Math.min(limits.lockTimeoutMs, Math.floor(clock.leftMs))),
          ...(token.schema === undefined ? {} : { schema: token.schema }),
          signal,
        }),
      );
      return { position: token.position };
    },
    undo: async () =>
      answered(`opening the tables of ${cut.from} again; ${untilThen(ports)} that is done`, async (signal) =>
        fence.lower(undefined, signal),
      ),
  };
}

function tokenStep(cut: Cut, ports: CutPorts, clock: PauseClock, token: TokenOfCut): Step {
  const what = `the token on ${cut.to}`;
  const seenThere = async (signal: AbortSignal): Promise<boolean> =>
    (await ports.fences[cut.to].written(signal)).tokens.includes(token.name);
  return {
    id: stepId(cut, 'token'),
    does: `waits until the token has come through the flow and is on ${cut.to}: then ${cut.to} holds all that ${cut.from} ever accepted`,
    locks: 'nothing',
    costs: 'the lag of the flow',
    undone: 'nothing to undo',
    probe: async () => ((await clock.within(what, seenThere)) ? done(`the token is on ${cut.to}`) : notDone),
    act: async (context) =>
      clock.within(what, async (late) => {
        const signal = AbortSignal.any([context.signal, late]);
        const waiting = { what, timeoutMs: Number.POSITIVE_INFINITY, everyMs: 2, signal };
        await unlessFlowEnds(ports.carrier, flowFrom(cut.from), waiting, async () => seenThere(late));
      }),
    undo: nothing,
  };
}

/**
 * A sink that writes table by table may have the token there before what it has read with it. It takes nothing more before all of that is written: a sign that is made now comes
 * behind it.
 */
function arrivedSteps(cut: Cut, ports: CutPorts, clock: PauseClock): readonly Step[] {
  if (ports.isUnordered?.(cut.from) !== true) return [];
  return [
    {
      id: stepId(cut, 'arrived'),
      does: `writes one more sign on ${cut.from}, and waits until it is on ${cut.to}: what was read together with the token is there too then`,
      locks: 'nothing',
      costs: 'the lag of the flow once more',
      undone: 'nothing to undo',
      probe: async (context) => {
        const { now } = await clock.within(`a sign on ${cut.to}`, async (late) =>
          ports.carrier.caughtUp(flowFrom(cut.from), AbortSignal.any([context.signal, late])),
        );
        return now.state === 'running' ? done(`a sign that was written after the token is on ${cut.to}`) : notDone;
      },
      act: nothing,
      undo: nothing,
    },
  ];
}

/** Waits until it is so, or throws what the flow that is to bring it has ended with. */
async function unlessFlowEnds(
  carrier: Carrier,
  flow: Flow,
  waiting: Waiting & { readonly signal: AbortSignal },
  isSo: () => Promise<boolean>,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([waiting.signal, over.signal]);
  const comes = waitFor({ ...waiting, signal }, async () => ((await isSo()) ? true : undefined));
  try {
    await Promise.race([comes, untilFlowEnds(carrier, flow, signal)]);
  } finally {
    over.abort();
  }
}

/** Throws when the flow can never go on: nobody has to wait for what it will not bring. Asked beside the wait, for a worker may be slow to answer. */
async function untilFlowEnds(carrier: Carrier, flow: Flow, signal: AbortSignal): Promise<never> {
  for (;;) {
    // Of one that does not answer nothing is known: the end of the wait is the caller's limit.
    const status = await carrier.status(flow).catch(() => undefined);
    const ended = status === undefined ? undefined : endOfFlow(flow, status.now);
    if (ended !== undefined) throw ended;
    await sleep(100, signal);
  }
}

/** What a flow without deletes cannot bring is found by comparison, while nobody writes. It decides by the rows themselves whether it is done. */
function equalSteps(cut: Cut, ports: CutPorts, clock: PauseClock): readonly Step[] {
  const equalizer = ports.equalizer?.(cut.from);
  if (equalizer === undefined) return [];
  return [
    {
      id: stepId(cut, 'equal'),
      does: `compares every row of both sides and makes ${cut.to} what ${cut.from} is: the flow does not tell what was deleted`,
      locks: `nothing; ${untilThen(ports)} it is over`,
      costs: 'reads every row of both sides once, and twice more where some differ',
      undone: `nothing to undo: what was changed on ${cut.to} is what ${cut.from} holds`,
      probe: async () => {
        const { equal, evidence } = await clock.within('the comparison of both sides', equalizer.compare);
        return equal ? done(evidence) : notDone;
      },
      act: async () => ({ rows: await clock.within('the repair of rows that differ', equalizer.repair) }),
      undo: nothing,
    },
  ];
}

function sequencesSteps(cut: Cut, { sequences }: CutPorts, clock: PauseClock): readonly Step[] {
  if (sequences === undefined) return [];
  const step: Step = {
    id: stepId(cut, 'sequences'),
    // The losing side gives no more numbers: what still comes through the flow makes no difference to them.
    after: [stepId(cut, 'fence')],
    does: `moves every sequence of ${cut.to} past what ${cut.from} has given out`,
    locks: 'each sequence for the moment of its change',
    costs: 'two queries',
    undone: 'nothing to undo: a gap in numbers harms nobody',
    probe: async () => {
      const behind = await clock.within('a look at the sequences', async (signal) =>
        sequences.behind(cut.from, cut.to, signal),
      );
      return behind === 0 ? done('no sequence is behind') : notDone;
    },
    act: async () => clock.within('the sequences', async (signal) => sequences.handOver(cut.from, cut.to, signal)),
    undo: nothing,
  };
  return [step];
}

/** C7: nobody but Teal has written on the gaining side, and the way back is ready. */
function lastLookStep(cut: Cut, ports: CutPorts, limits: CutLimits, clock: PauseClock): Step {
  const looks = async (): Promise<{ rogue: number; ready: boolean; state: string; isClosed: boolean }> =>
    clock.within('the last look', async (signal) => {
      const [back, { fence }] = await Promise.all([
        // What was written on the gaining side up to now, not what its flow had read of it when somebody last asked.
        ports.carrier.caughtUp(flowFrom(cut.to), signal),
        ports.fences[cut.from].probe(signal),
      ]);
      return {
        rogue: back.rogueTransactions - ports.settled(cut.to),
        ready: back.now.state === 'running',
        state: back.now.state,
        isClosed: fence === 'raised',
      };
    });
  return {
    id: stepId(cut, 'last-look'),
    does: `looks once more: nobody else has written on ${cut.to}, the flow back to ${cut.from} runs, and every table of ${cut.from} is closed`,
    locks: 'nothing',
    costs: 'one sign in the log, and the time until the flow back has read it',
    undone: 'nothing to undo',
    probe: async () => {
      const seen = await looks();
      const isReady = seen.rogue <= 0 && seen.ready && seen.isClosed;
      return isReady ? done('no rogue write; the flow back runs; all is closed') : notDone;
    },
    act: async () => {
      const seen = await looks();
      if (seen.rogue > 0) {
        const strays = straysOf(ports.fences[cut.to], cut.to, limits.lockTimeoutMs);
        throw new TealError('TEAL-STAGES-103', straysText(seen.rogue, cut.to, strays), { rogue: seen.rogue });
      }
      if (!seen.ready) {
        throw new TealError('TEAL-STAGES-104', `the flow back to ${cut.from} is ${seen.state}`, { state: seen.state });
      }
      if (!seen.isClosed) throw new TealError('TEAL-STAGES-111', `${cut.from} takes writes again`);
    },
    undo: nothing,
  };
}

function decideStep(cut: Cut, ports: CutPorts, limits: CutLimits, clock: PauseClock): Step {
  const told = ports.fences[cut.to].told?.(cut.to, limits.lockTimeoutMs).lowering;
  const look = async (signal: AbortSignal): Promise<FenceRows> => ports.fences[cut.to].written(signal);
  let attempted = false;
  return {
    id: stepId(cut, 'decide'),
    does:
      told?.does ??
      `writes the owner row on ${cut.to} and opens its tables, in one transaction: from its commit on ${cut.to} is live`,
    locks: told?.locks ?? `what the fence of ${cut.to} takes, for a moment`,
    costs: told?.costs ?? 'a moment',
    undone: 'by a cut in the other direction: `teal rollback`',
    probe: async () => {
      const what = `the owner row on ${cut.to}`;
      const { owner } = await (attempted ? answered(what, look) : clock.within(what, look));
      return owner?.epoch === cut.epoch && owner.cut === cut.name ? done(`owner row of epoch ${cut.epoch}`) : notDone;
    },
    act: async () => {
      clock.check('the decision');
      attempted = true;
      // Clients can go on nowhere before it is known what became of it.
      await answered(`the decision on ${cut.to}`, async (signal) =>
        ports.fences[cut.to].lower({ epoch: cut.epoch, owner: cut.to, cut: cut.name }, signal),
      );
    },
    undo: nothing,
  };
}

function pointStep(cut: Cut, ports: CutPorts): Step {
  const isPointed = ports.router.points !== false;
  const { switching = { clients: 'none fails' } } = ports.router;
  return {
    id: stepId(cut, 'point'),
    does: isPointed
      ? `points the router at ${cut.to}; it reads the owner row itself before it does`
      : `looks whether the owner row says ${cut.to}: it is what clients have to go by`,
    locks: 'nothing',
    costs: `of clients: ${tellSwitching(switching)}`,
    undone: 'not alone: by a cut in the other direction',
    probe: async () => {
      const seen = await ports.router.read();
      if (seen.pointsTo !== cut.to || seen.epoch < cut.epoch) return notDone;
      return done(isPointed ? `the router points to ${cut.to}` : `the owner row says ${cut.to}`);
    },
    act: async () => ports.router.point(cut.to, cut.epoch),
    undo: nothing,
  };
}

function releaseStep(cut: Cut, ports: CutPorts): Step {
  const isHeld = holdsClients(ports);
  return {
    id: stepId(cut, 'release'),
    does: isHeld
      ? `lets the held clients go on, on ${cut.to}`
      : `ends the time in which writes were refused: ${cut.to} takes them`,
    locks: 'nothing',
    costs: 'nothing',
    undone: 'not needed',
    probe: async () => {
      const seen = await ports.router.read();
      if (seen.mode !== 'running' || seen.pointsTo !== cut.to) return notDone;
      return done(isHeld ? 'clients go on' : `${cut.to} takes writes`);
    },
    act: async () => ports.router.release(),
    undo: nothing,
  };
}

function flowBackStep(cut: Cut, ports: CutPorts, limits: CutLimits): Step {
  const isLive = async (): Promise<boolean> => {
    const back = await ports.carrier.status(flowFrom(cut.to));
    return modeIn(cut, back) === 'live' && back.now.state === 'running';
  };
  return {
    id: stepId(cut, 'flow-back'),
    does: `waits until the flow ${cut.to} to ${cut.from} is live: from then on going back loses nothing`,
    locks: 'nothing; clients do not wait for it',
    costs: 'nothing',
    undone: 'not needed',
    probe: async () => ((await isLive()) ? done('the flow back is live') : notDone),
    act: async (context: StepContext) => {
      const what = `the flow from ${cut.to} to go live`;
      const waiting = { what, timeoutMs: limits.flowBackMs, signal: context.signal };
      try {
        await ports.fences[cut.from].letThrough?.(context.signal);
        await unlessFlowEnds(ports.carrier, flowFrom(cut.to), waiting, isLive);
      } catch (error) {
        if (!canNeverGoOn(error)) throw error;
        const text = `${cut.to} is live and takes writes; ${cut.from} does not get them: ${error.message}`;
        throw new TealError('TEAL-STAGES-110', text, { flowCode: error.code }, error);
      }
    },
    undo: nothing,
  };
}

function done(evidence: string): Probed {
  return { state: 'done', evidence };
}

function notDrained({ inFlight, pinned, busy }: Extract<HoldResult, { drained: false }>): TealError {
  const [first] = pinned;
  if (first !== undefined) {
    return new TealError(
      'TEAL-STAGES-101',
      `${pinned.length} sessions hold state that cannot move (${first.client}: ${first.reason})`,
      {
        pinned: pinned.length,
        inFlight,
        sessions: named(pinned),
      },
    );
  }
  return new TealError('TEAL-STAGES-100', `${inFlight} transactions were still running at the end of the drain limit`, {
    inFlight,
    sessions: named(busy),
  });
}

function named(sessions: readonly PinnedSession[]): readonly string[] {
  return sessions.slice(0, 10).map((session) => `${session.client}: ${session.reason}`);
}
