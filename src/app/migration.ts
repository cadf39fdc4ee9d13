import { dirname, resolve } from 'node:path';
import { must } from '../kernel/assert.ts';
import { nowMs } from '../kernel/clock.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import type { Journal } from '../journal/journal.ts';
import {
  finaliseStage,
  isCutOpen,
  isEnding,
  liveSide,
  unexplainedRollback,
  type MigrationState,
} from '../journal/state.ts';
import type { Side } from '../model/catalog.ts';
import { tellsAll } from '../model/follow-method.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Gate } from '../ports/gate.ts';
import type { Router } from '../ports/router.ts';
import type { StepFacts } from '../ports/step.ts';
import type { Spec } from '../spec/spec.ts';
import { runSteps } from '../engine/run-steps.ts';
import { askGates } from '../stages/gates/ask-gates.ts';
import { cutOver, recoverCut, schemaApproval, type CutOutcome, type CutRun } from '../stages/cutover/run-cut.ts';
import { groupsAwayFrom } from '../stages/groups/group-places.ts';
import { moveGroups } from '../stages/groups/move-groups.ts';
import { canaryStages } from '../stages/canary/canary-steps.ts';
import { shadowStages } from '../stages/shadow/shadow-steps.ts';
import { runStages, undoStages, type Stage, type StagesRun } from '../stages/lifecycle/stages.ts';
import type { PgTools } from '../systems/postgres/schema-tools.ts';
import type { Comparison, Verification } from './comparison.ts';
import type { MigrationEvent, Outcome } from './events.ts';
import { bringTenantsHome, canaryPorts, refuseWhileAway, whileAway, type CanaryParts } from './canary-ports.ts';
import { backupOf, gateId, gatePatienceMs, gatesOf } from './gates-of.ts';
import type { ConnectedRouter } from './connected-router.ts';
import type { GoesOn } from './goes-on.ts';
import { forgetRepair } from './kept-repair.ts';
import { keepFigures } from './kept-figures.ts';
import type { LoadedSpec } from './load-spec.ts';
import { whileReceiving } from './while-receiving.ts';
import { logTold, onceEach } from './log-budget.ts';
import { deployStepId, receiveStepId } from '../stages/follow/follow-steps.ts';
import { atHome } from './home.ts';
import { onlookersOf, type Onlookers } from './onlookers.ts';
import { openPair } from './open-pair.ts';
import { runStarted } from './opening.ts';
import type { Pair } from './pair.ts';
import { soakingCut, soakOf } from './soak.ts';
import { startFlows } from './start-flows.ts';
import { movesOf } from './status.ts';
import type { LeftMark, Mark } from './supervision.ts';
import { partToCut, requireTellable, topicsOfCut, type TopicPart } from './topic-parts.ts';
import { takeTurn } from './turn.ts';
import { watchFlows } from './watch-flows.ts';
import { watchSchemas } from './watch-schemas.ts';

export interface MigrationOptions {
  readonly loaded: LoadedSpec;
  readonly command: string;
  /** Where the variables of OpenTelemetry are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: MigrationEvent) => void;
  readonly signal: AbortSignal;
  /** Who asks, for the journal. */
  readonly by: string;
  /** Waits for the end of another controller; default: its being there is an error. */
  readonly standby?: boolean;
  /** Clients are pointed at the proxy of this machine; default: the one that they use must be here (TEAL-APP-041). */
  readonly takeProxy?: boolean;
  /** Clients may be waiting for this controller. */
  readonly cutMark: Mark;
  /** Clients of tenants may be waiting for this controller. */
  readonly tenantsMark: LeftMark;
  /** Green is to be watched. */
  readonly soakMark: Mark;
  /** Both systems are to be watched. */
  readonly anomaliesMark: Mark;
  readonly connectCarrier: (pair: Pair, loaded: LoadedSpec) => Carrier;
  readonly connectRouter: (pair: Pair, loaded: LoadedSpec) => Promise<ConnectedRouter>;
  /** PostgreSQL's client programs; default: looked for on PATH. */
  readonly tools?: PgTools;
}

/** `goesOn`: of one that takes over, looked at before it wrote anything. */
type OpenedOptions = MigrationOptions & { readonly goesOn?: GoesOn };

export const flowBackMs = 60_000;

/** One migration under the hands of one controller: opens its journal as the only writer, and moves it on. */
export class Migration implements AsyncDisposable {
  readonly #options: OpenedOptions;
  readonly #spec: Spec;
  readonly #journal: Journal;
  readonly #pair: Pair;
  readonly #carrier: Carrier;
  readonly #connected: ConnectedRouter;
  readonly #router: Router;
  readonly #stages: readonly Stage[];
  readonly #comparison: Comparison;
  readonly #watch: AsyncDisposable;
  readonly #onlookers: Onlookers;
  readonly #tellLog: ReturnType<typeof onceEach>;

  private constructor(options: OpenedOptions, onlookers: Onlookers, pair: Pair, connected: ConnectedRouter) {
    const { journal } = onlookers;
    this.#options = options;
    this.#spec = options.loaded.spec;
    this.#onlookers = onlookers;
    this.#journal = journal;
    this.#pair = pair;
    this.#carrier = options.connectCarrier(pair, options.loaded);
    this.#connected = connected;
    this.#router = connected.router;
    this.#stages = [
      ...pair.stages(this.#carrier),
      ...shadowStages(options.loaded.spec.shadow, { reads: connected.shadow, doomed: pair.doomed }),
      ...canaryStages(options.loaded.spec.canary, canaryPorts(this.#canaryParts())),
    ];
    this.#comparison = pair.comparison({ ...options, journal, carrier: this.#carrier });
    const { onEvent } = options;
    onEvent(opened(options.loaded.spec, journal.state));
    this.#tellLog = onceEach((told) => {
      onEvent({ kind: 'log', ...told });
      journal.append({ type: 'note', text: told.text });
    });
    this.#watch = this.#hasEnded
      ? new AsyncDisposableStack()
      : watchFlows({
          carrier: this.#carrier,
          tell: (status) => {
            onEvent({ kind: 'flow', status });
            this.#tellLog(status.flow, logTold(status));
          },
        });
  }

  /**
   * Takes the journal's lock, looks at what is there, and assesses both sides when nothing was begun yet. Changes nothing on either side.
   * Waits for the end of a recovery that the supervisor has begun. Errors: TEAL-JOURNAL-003 another controller, TEAL-APP-001 blockers, those of reaching the systems.
   */
  static async open(given: MigrationOptions): Promise<Migration> {
    const turn = await takeTurn(given);
    const onlookers = onlookersOf(await atHome(turn.journal, given), given.loaded, given.env, given.onEvent);
    const { journal } = onlookers;
    // Who leads no more stops as who is told to.
    const options = { ...given, ...turn.takesOver, signal: AbortSignal.any([given.signal, journal.lost]) };
    try {
      const pair = await openPair(options, journal.state, options.tools);
      if (journal.state.life.phase !== 'finalised') journal.append(runStarted(options));
      const connected = await options.connectRouter(pair, options.loaded);
      // A proxy that starts after the end finds no owner row: a person decides whether it should.
      if (journal.state.life.phase === 'finalised') await connected.leave();
      return new Migration(options, onlookers, pair, connected);
    } catch (error) {
      journal[Symbol.dispose]();
      await onlookers[Symbol.asyncDispose]();
      journal.lost.throwIfAborted();
      throw error;
    }
  }

  get state(): MigrationState {
    return this.#journal.state;
  }

  /** Does something with it, and tells what has gone wrong as what it is where this controller leads no more: TEAL-JOURNAL-020, -021. */
  async whileLeading<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#journal.lost.throwIfAborted();
      throw error;
    }
  }

  get live(): Side {
    return liveSide(this.#journal.state);
  }

  get #hasEnded(): boolean {
    return this.#journal.state.life.phase === 'finalised';
  }

  get router(): Router {
    return this.#router;
  }

  get carrier(): Carrier {
    return this.#carrier;
  }

  /** Everything up to the cut, and the cut itself once every gate says yes. Goes on from wherever an earlier run ended. */
  async up(): Promise<Outcome> {
    return this.#up(async () => this.#cutWhenReady());
  }

  /** `cut`: what is done while blue is live and all is ready. */
  async #up(cut: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#hasEnded) return this.#done();
    const { goesOn: other = 'up' } = this.#options;
    if (other !== 'up') return this.#goOn(other);
    if (isEnding(this.state)) return this.#ended();
    await this.#begin();
    const { phase } = this.state.life;
    if (phase === 'finalised') return this.#done();
    await this.#watchSystems();
    // No stage does it where the file has none any more.
    if (this.#spec.canary?.writes === undefined && this.live === 'blue') await this.bringTenantsHome();
    await using _told = watchSchemas({
      schemas: this.#pair.schemas,
      live: () => this.live,
      isCopying: () => this.state.stages['copy']?.state === 'running',
      tell: (differences) => this.#options.onEvent({ kind: 'schema', differences }),
    });
    const copying = {
      status: async () => this.#carrier.status('forward'),
      isCopying: () => this.#isDone(receiveStepId) && !this.#isDone(deployStepId('forward')),
      signal: this.#options.signal,
    };
    try {
      await whileReceiving(copying, async (signal) => runStages(this.#stages, { ...this.#run(), signal }));
    } catch (error) {
      // Its snapshot is of no use any more: blue may vacuum.
      if (isTealError(error, 'TEAL-CARRIERS-007')) await this.#pair.releaseSnapshot();
      throw error;
    }
    if (this.live === 'blue') return await cut();
    await this.#watchSoak();
    return this.#done();
  }

  /** A person says yes to the list of differences between the schemas that has this digest (TEAL-STAGES-108 tells it). It holds for one cut. */
  async acceptSchema(digest: string): Promise<void> {
    this.#refuseEnded();
    await this.#recover();
    this.#journal.append({ type: 'approvalGiven', by: this.#options.by, for: schemaApproval(digest) });
  }

  /** `up`, with the caller's yes to every gate that asks a person. */
  async cutover(): Promise<Outcome> {
    if (this.#hasEnded) return this.#done();
    if (isEnding(this.state)) return this.#ended();
    await this.#recover();
    if (this.live === 'green') return this.#done();
    const refused = await whileAway(this.#pair, this.#options.signal);
    if (refused !== undefined) return refused;
    for (const [index, gate] of this.#spec.cutover.gates.entries()) {
      if (gate.kind === 'person')
        this.#journal.append({ type: 'approvalGiven', by: this.#options.by, for: gateId(index) });
    }
    return this.up();
  }

  /**
   * Of a log: moves the producers of these topics alone, with the caller's yes to the gates that ask a person; those of the others stay on blue, and groups where they read. The last ones are moved as by
   * `cutover`. One that is there already is passed over. TEAL-APP-060 to -062.
   */
  async cutoverTopics(wanted: readonly string[]): Promise<Outcome> {
    const ask = (): ReturnType<typeof partToCut> => partToCut(this.state, this.#pair.topics, wanted);
    ask();
    return this.#up(async () => {
      const { part, isAll } = ask();
      if (part.topics.length === 0) return this.#done();
      const refused = await this.#closedGate(this.#gates().filter(({ person }) => !person));
      if (refused !== undefined) return refused;
      if (isAll) return this.#cutAll();
      // A yes that stood as an approval would be one to all of them, for whoever comes next.
      const names = part.topics.join(', ').slice(0, 3_500);
      this.#journal.append({ type: 'note', text: `${this.#options.by} asks for a cut of topics alone: ${names}` });
      const { noWayBack } = await this.#cutOver(part);
      if (noWayBack !== undefined) throw noWayBack;
      return this.#done();
    });
  }

  /** Back to blue, with every write that green took. */
  async rollback(reason: string): Promise<Outcome> {
    if (this.#hasEnded || isEnding(this.state)) return this.#ended();
    const explain = (cut: string): void => {
      this.#journal.append({ type: 'rolledBack', cut, by: this.#options.by, reason });
    };
    await this.#begin();
    const { ahead } = this.state;
    if (this.live === 'blue' && ahead.length === 0) {
      // One whose command died, and which a recovery has ended: this is the command again.
      const ended = unexplainedRollback(this.state);
      if (ended === undefined) return this.#nothingToGoBackFrom();
      explain(ended);
      return this.#done();
    }
    await this.#moveGroups('blue');
    const { cut, noWayBack } = await this.#cutOver(ahead.length === 0 ? undefined : { from: 'green', topics: ahead });
    explain(cut);
    await this.#watchSoak();
    if (noWayBack !== undefined) throw noWayBack;
    return this.#done();
  }

  async #nothingToGoBackFrom(): Promise<Outcome> {
    const refused = await whileAway(this.#pair, this.#options.signal);
    return refused ?? { outcome: 'no', live: 'blue', what: 'blue is live: there is nothing to go back from', next: [] };
  }

  /**
   * Moves groups of readers alone; the side that is live stays so, and both can be read from while the mirror runs. TEAL-APP-008 where there is nothing of the kind, TEAL-STAGES-130 to -132.
   */
  async moveReaders(to: Side, groups: readonly string[]): Promise<Outcome> {
    if (this.#hasEnded || isEnding(this.state)) return this.#ended();
    if (this.#pair.groups === undefined) throw new TealError('TEAL-APP-008', 'these systems have no groups of readers');
    await this.#begin();
    if (!this.#isDone(deployStepId('reverse'))) {
      return { outcome: 'no', live: this.live, what: 'the mirror is not there yet', next: ['teal up'] };
    }
    await this.#moveGroups(to, groups);
    return this.#done();
  }

  /** See `Comparison`. */
  async verify(values = false): Promise<Verification> {
    this.#refuseEnded();
    await refuseWhileAway(this.#pair, this.#options.signal);
    await this.#startFlows();
    return this.#comparison.verify(this.live, values);
  }

  async repairScript(found: Verification): Promise<readonly string[]> {
    return this.#comparison.repairScript(found);
  }

  /** Of the side that is not live. Returns how many rows were changed. */
  async repair(found: Pick<Verification, 'result'>): Promise<number> {
    await this.#recover();
    await refuseWhileAway(this.#pair, this.#options.signal);
    return this.#comparison.repair(this.live, found);
  }

  /**
   * Ends the migration: takes away what Teal made. There is no way back after it, so that it is refused until green has been live for as long as the file says
   * (`soak.for`, `finalise.after`), unless `early`.
   */
  async finalise({ early }: { readonly early: boolean }): Promise<Outcome> {
    if (this.#hasEnded) return this.#done();
    await this.#recover();
    const { phase } = this.state.life;
    if (phase === 'finalised') return this.#done();
    if (phase !== 'green') {
      const refused = await whileAway(this.#pair, this.#options.signal);
      if (refused !== undefined) return refused;
      return {
        outcome: 'no',
        live: this.live,
        what: 'only a migration whose live side is green is finalised',
        next: ['teal cutover'],
      };
    }
    if (!isEnding(this.state)) {
      const refused = this.#tooEarly(early);
      if (refused !== undefined) return refused;
      this.#journal.append({ type: 'stageStarted', stage: finaliseStage });
    }
    failpoint('finalise.begun');
    const stage = (state: 'started' | 'finished'): void =>
      this.#options.onEvent({ kind: 'stage', stage: finaliseStage, title: 'Finalise', state });
    stage('started');
    await this.#options.soakMark.unmark();
    await this.#options.anomaliesMark.unmark();
    await this.#watch[Symbol.asyncDispose]();
    await this.#carrier.retire('reverse');
    failpoint('finalise.reverse.retired');
    await this.#carrier.retire('forward');
    await this.#connected.leave();
    await runSteps(this.#pair.removalSteps(this.live, this.#remembered), this.#run());
    failpoint('finalise.removed');
    forgetRepair(this.#options.loaded.stateDir);
    this.#journal.append(
      { type: 'stageFinished', stage: finaliseStage },
      { type: 'finalised', by: this.#options.by, live: 'green' },
    );
    stage('finished');
    return this.#done();
  }

  /** Why it is not to end yet. */
  #tooEarly(early: boolean): Outcome | undefined {
    const soak = soakOf(this.state, this.#spec, nowMs());
    if (soak !== undefined && !soak.over && !early) {
      const what = `green has been live since ${soak.sinceIso}; the file lets a migration end at ${soak.untilIso}`;
      return { outcome: 'no', live: 'green', what, next: ['teal finalise --early', 'teal rollback'] };
    }
    const away = groupsAwayFrom('green', this.state);
    if (away.length > 0) {
      const what = `where they read nothing arrives after the end: groups ${away.join(', ')} were moved back to blue`;
      return { outcome: 'no', live: 'green', what, next: away.map((group) => `teal cutover --group ${group}`) };
    }
    return undefined;
  }

  /** Undoes everything. Only while blue is live: green and all that is on it is dropped, after those who read there were moved back. */
  async abort(reason: string): Promise<Outcome> {
    if (this.#hasEnded || isEnding(this.state)) return this.#ended();
    await this.#recover();
    if (this.live === 'green') {
      return { outcome: 'no', live: 'green', what: 'green is live: go back first', next: ['teal rollback'] };
    }
    const { ahead } = this.state;
    if (ahead.length > 0) {
      const what = `${ahead.length} topics are on green: go back first`;
      return { outcome: 'no', live: 'blue', what, next: ['teal rollback'] };
    }
    if (groupsAwayFrom('blue', this.state).length > 0) await this.#moveGroups('blue');
    await this.bringTenantsHome();
    await this.#options.anomaliesMark.unmark();
    await this.#watch[Symbol.asyncDispose]();
    await undoStages(this.#stages, this.#run());
    // Also what was never begun: a flow may have been given up before it had a worker.
    for (const flow of ['reverse', 'forward'] as const) await this.#carrier.retire(flow);
    await this.#connected.leave();
    forgetRepair(this.#options.loaded.stateDir);
    this.#journal.append({ type: 'aborted', by: this.#options.by, reason, left: [] });
    return { outcome: 'done', live: 'blue', next: this.#afterEnd('abort') };
  }

  /** Ends the proxy: its clients are told as a server that shuts down tells them. */
  async closeTraffic(): Promise<void> {
    await this.#connected.stop();
  }

  /** Ends every process of this migration on this machine: flows, proxy, holders. The systems keep what they have; \`up\` starts them again. */
  async stopProcesses(): Promise<void> {
    await this.#options.cutMark.unmark();
    await this.#options.tenantsMark.unmark();
    const ends = [
      this.#options.soakMark.unmark(),
      this.#options.anomaliesMark.unmark(),
      this.#carrier.halt('forward'),
      this.#carrier.halt('reverse'),
      this.#connected.stop(),
      this.#pair.releaseSnapshot(),
    ];
    await Promise.allSettled(ends);
  }

  /** The flows run, and no cut is half made. A flow that cannot be started must not keep clients from a decision that was made. */
  async #begin(): Promise<void> {
    const [started] = await Promise.allSettled([this.#startFlows()]);
    await this.#recover();
    if (started.status === 'rejected') throw started.reason;
  }

  /** By `up` alone: no rollback waits for it. */
  async #watchSystems(): Promise<void> {
    const { anomaliesMark } = this.#options;
    if (this.#spec.anomalies === undefined) await anomaliesMark.unmark();
    else await anomaliesMark.mark();
  }

  #isDone(step: string): boolean {
    return this.state.steps[step]?.state === 'done';
  }

  async #startFlows(): Promise<void> {
    await startFlows(this.#carrier, this.state, this.#options.signal);
  }

  readonly #remembered = (step: string): StepFacts | undefined => {
    const known = this.state.steps[step];
    return known === undefined || known.state === 'undone' ? undefined : known.before;
  };

  /** Ends a cut that another controller left open, by the owner row: forward or back. Begins none, and asks no gate. */
  async recover(): Promise<void> {
    try {
      const cut = await recoverCut(this.#cutRun());
      if (cut !== undefined) {
        this.#tellCut(cut);
        await this.#watchSoak();
      }
    } finally {
      await this.#unmarkCut();
    }
  }

  /** From wherever a canary has left them. Nothing where all are at home. */
  async bringTenantsHome(): Promise<void> {
    await bringTenantsHome(this.#canaryParts(), async () => this.#startFlows(), this.#options.signal);
  }

  /** The same for a command. The mark is made anew: a supervisor that had given up tries again should this fail; and clients do not wait for that. */
  async #recover(): Promise<void> {
    if (!isCutOpen(this.state)) return this.#unmarkCut();
    const ends = await Promise.allSettled([this.recover(), this.#options.cutMark.mark()]);
    await this.#unmarkCut();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #cutOver(part?: TopicPart): Promise<CutOutcome> {
    const run = this.#cutRun(part);
    await this.#options.cutMark.mark();
    try {
      const cut = await cutOver(run);
      this.#tellCut(cut);
      return cut;
    } finally {
      await this.#unmarkCut();
    }
  }

  /** As long as there is a way back, and the file says what to ask. */
  async #watchSoak(): Promise<void> {
    const { soakMark } = this.#options;
    if (soakingCut(this.state, this.#spec, nowMs()) === undefined) await soakMark.unmark();
    else await soakMark.mark();
  }

  /** Stays where taking back has failed, or what comes after the decision. */
  async #unmarkCut(): Promise<void> {
    if (!isCutOpen(this.state)) await this.#options.cutMark.unmark();
  }

  async #cutWhenReady(): Promise<Outcome> {
    return (await this.#closedGate(this.#gates())) ?? this.#cutAll();
  }

  /** Undefined: every one of them said yes. */
  async #closedGate(gates: readonly Gate[]): Promise<Outcome | undefined> {
    const { onEvent, signal } = this.#options;
    const opened = await askGates(gates, {
      journal: this.#journal,
      signal,
      patienceMs: gatePatienceMs,
      onAnswer: (gate, answer) => onEvent({ kind: 'gate', gate: gate.id, asks: gate.asks, answer }),
    });
    if (opened.result === 'waiting') {
      return {
        outcome: 'waiting',
        live: this.live,
        gate: opened.gate,
        asks: opened.asks,
        next: ['teal cutover', 'teal abort'],
      };
    }
    if (opened.result === 'closed') {
      return {
        outcome: 'no',
        live: this.live,
        what: `${opened.asks} ${opened.answer.answer}: ${opened.answer.evidence}`,
        next: ['teal up'],
      };
    }
    return undefined;
  }

  async #cutAll(): Promise<Outcome> {
    await this.#moveGroups('green');
    await this.#keepFigures();
    const { noWayBack } = await this.#cutOver();
    if (noWayBack !== undefined) throw noWayBack;
    await this.#watchSoak();
    return this.#done();
  }

  /** Of blue, while it is live: beside them green is judged. */
  async #keepFigures(): Promise<void> {
    const { figures } = this.#connected;
    if (figures === undefined || this.#spec.soak.rollBackOn.length === 0) return;
    keepFigures(this.#journal, (await figures()).blue);
  }

  /** Before a cut, all that are not there yet: those who read go first. */
  async #moveGroups(to: Side, only?: readonly string[]): Promise<readonly string[]> {
    const { groups } = this.#pair;
    return groups === undefined ? [] : moveGroups(to, groups, this.#run(), only);
  }

  #done(): Outcome {
    const { phase } = this.state.life;
    const next =
      phase !== 'finalised' && this.state.ahead.length > 0
        ? ['teal cutover', 'teal rollback']
        : phase === 'green'
          ? ['teal rollback', 'teal finalise']
          : phase === 'finalised'
            ? this.#afterEnd('finalise')
            : ['teal cutover', 'teal abort'];
    return { outcome: 'done', live: this.live, next };
  }

  #ended(): Outcome {
    const { live } = this;
    if (isEnding(this.state)) {
      return { outcome: 'no', live, what: 'its end was begun: there is no way back', next: ['teal finalise'] };
    }
    return { outcome: 'no', live, what: 'the migration has ended: there is no way back', next: [] };
  }

  /** What another controller has begun. A person has said yes to it there. */
  async #goOn(goesOn: Exclude<GoesOn, 'up'>): Promise<Outcome> {
    switch (goesOn) {
      case 'finalise':
        return this.finalise({ early: true });
      case 'abort':
        return this.abort(reasonOfAnother);
      case 'rollback': {
        const outcome = await this.rollback(reasonOfAnother);
        // It was ended by who led before.
        return outcome.outcome === 'no' && this.state.life.phase === 'back' ? this.#done() : outcome;
      }
    }
  }

  #refuseEnded(): void {
    if (isEnding(this.state)) throw new TealError('TEAL-APP-042', 'the journal says that its end was begun');
    if (this.#hasEnded) throw new TealError('TEAL-APP-004', 'the journal says that it was finalised');
  }

  /** Clients may be on the proxy still: it outlives the migration until somebody says that they are not. */
  #afterEnd(command: 'abort' | 'finalise'): readonly string[] {
    return this.#spec.traffic.router === 'proxy' ? [`teal ${command} --stop-proxy`] : [];
  }

  #gates(): readonly Gate[] {
    const { file, stateDir } = this.#options.loaded;
    const folder = dirname(resolve(file));
    const gates = gatesOf(this.#spec, {
      folder,
      stateDir,
      live: this.live,
      carrier: this.#carrier,
      ask: this.#pair.ask,
      verify: async () => (await this.verify()).verified,
      approval: (id) => this.state.approvals[id],
    });
    const backup = backupOf(this.#spec, { folder, stateDir });
    // While a person is awaited there is no cut: each run until then would make one.
    const isAwaited = gates.some(({ id, person }) => person && this.state.approvals[id] === undefined);
    return backup === undefined || isAwaited ? gates : [backup, ...gates];
  }

  #run(): StagesRun {
    const { onEvent, signal } = this.#options;
    return {
      journal: this.#journal,
      signal,
      onEvent,
      onStage: (stage, state) => onEvent({ kind: 'stage', stage: stage.id, title: stage.title, state }),
    };
  }

  /** Of the cut that is open, or of the next one. */
  #cutRun(part?: TopicPart): CutRun {
    const { maxPauseMs, drainMs, lockTimeoutMs } = this.#spec.cutover;
    return {
      ...this.#run(),
      ...(part === undefined ? {} : { part }),
      ports: {
        ...this.#clients(topicsOfCut(this.state, this.#pair.topics, part)),
        carrier: this.#carrier,
        ...(this.#pair.sequences === undefined ? {} : { sequences: this.#pair.sequences }),
        schemas: this.#pair.schemas,
        settled: (side) => this.#comparison.settled(side),
        isUnordered: (from) => this.#spec.connect !== undefined && from === 'blue',
        equalizer: (from) => (tellsAll(this.#spec.follow.method, from) ? undefined : this.#comparison.equalizer(from)),
      },
      limits: { maxPauseMs, drainMs, lockTimeoutMs, flowBackMs },
    };
  }

  /** What closes both sides to clients, and what leads these. `topics`: of those alone. */
  #clients(topics: readonly string[] | undefined): Pick<CutRun['ports'], 'fences' | 'router'> {
    if (topics === undefined) return { fences: this.#pair.fences, router: this.#router };
    requireTellable(topics);
    const fences = must(this.#pair.topics, 'the topics of the pair').fencesOf(topics);
    return { fences, router: must(this.#connected.ofTopics, 'a router of producers')(topics, { fences }) };
  }

  #canaryParts(): CanaryParts {
    return {
      loaded: this.#options.loaded,
      pair: this.#pair,
      connected: this.#connected,
      carrier: this.#carrier,
      comparison: () => this.#comparison,
      holding: this.#options.tenantsMark,
    };
  }

  #tellCut({ cut, from, to, topics, pauseMs }: CutOutcome): void {
    const held = this.#router.holdsClients === false ? { held: false as const } : {};
    this.#options.onEvent({
      kind: 'cut',
      cut,
      from,
      to,
      ...(topics === undefined ? {} : { topics }),
      pauseMs,
      ...held,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
    await this.#connected.close();
    await this.#pair[Symbol.asyncDispose]();
    // Whoever comes next need not wait until all are told.
    this.#journal[Symbol.dispose]();
    await this.#onlookers[Symbol.asyncDispose]();
  }
}

/** The journal has no reason before the end. */
const reasonOfAnother = 'not known: its command was ended before it wrote that down';

function opened(spec: Spec, state: MigrationState): MigrationEvent {
  const stages = Object.fromEntries(Object.entries(state.stages).map(([stage, it]) => [stage, it.state]));
  const { phase } = state.life;
  return { kind: 'opened', migration: spec.name, live: liveSide(state), phase, ...movesOf(spec), stages };
}
