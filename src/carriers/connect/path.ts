import { sleep } from '../../kernel/clock.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { FlowState, FlowStatus } from '../../ports/carrier.ts';
import { bringConnectors, failedParts, removeConnector, runs, type WantedConnector } from './bring.ts';
import type { ConnectorStatus, ConnectRest } from './rest.ts';

/** What is deployed of one attempt, by its name. */
export interface PathConnectors {
  readonly source: WantedConnector;
  readonly sink: WantedConnector;
  /** Of nobody else. */
  readonly topics: readonly string[];
}

/** What the two ends of a path tell, and what is made there for it. Each call may fail with a lost connection; the next one connects again. */
export interface PathEnds {
  /** Names this attempt, with letters and digits; made on the source when it is first asked for, and kept there. */
  run(): Promise<string>;
  /** The same where it was made already. */
  knownRun(): Promise<string | undefined>;
  /** The next attempt has another name. */
  forgetRun(): Promise<void>;
  /** Writes the source's heartbeat, in a transaction of its own that passes the fence. Answers its time, by the source's clock, in microseconds since 1970. */
  beat(): Promise<bigint>;
  look(): Promise<PathLook>;
  /** Also from under a reader. Idempotent. Nothing where the source keeps no slot. */
  dropSlot(signal?: AbortSignal): Promise<void>;
  /** Those that are there. */
  deleteTopics(topics: readonly string[], signal?: AbortSignal): Promise<void>;
}

export interface PathLook {
  /** Of the source's clock, in microseconds since 1970. */
  readonly nowUs: bigint;
  /** The newest heartbeat of the source that is on the target. */
  readonly heartbeatUs: bigint | undefined;
  readonly head: Position;
  /** `none`: the source keeps none, and nothing of it tells where the path begins. */
  readonly slot: 'absent' | 'usable' | 'invalidated' | 'none';
  /** Up to here the source's changes are in Kafka. */
  readonly confirmed: Position | undefined;
  readonly retainedBytes: number | undefined;
  /** Log between the two, where both are known. */
  readonly lagBytes: number;
}

export interface ConnectPathOptions {
  readonly rest: ConnectRest;
  readonly ends: PathEnds;
  /** By the name of the attempt. */
  readonly connectors: (run: string) => PathConnectors;
}

const nowhere: Position = asPosition('');
const lookEveryMs = 20;
/** After so many looks at both ends the cluster is asked whether the path still runs. */
const looksToStatus = 100;

/**
 * A flow that a cluster of Kafka Connect carries: Debezium's source, one topic of one partition, Debezium's JDBC sink. Nothing of it runs on this machine; what is known of it is
 * asked of the cluster and of both ends, each time.
 */
export class ConnectPath {
  readonly #rest: ConnectRest;
  readonly #ends: PathEnds;
  readonly #connectors: (run: string) => PathConnectors;
  #applied: Position = nowhere;

  constructor({ rest, ends, connectors }: ConnectPathOptions) {
    this.#rest = rest;
    this.#ends = ends;
    this.#connectors = connectors;
  }

  /**
   * Makes both connectors where they are not there, lets them go on where they were paused, and has tasks that failed started again. Idempotent. Errors: TEAL-CARRIERS-013 a plugin
   * is missing, -011 a configuration is refused.
   */
  async deploy(): Promise<void> {
    const { sink, source } = this.#connectors(await this.#ends.run());
    await bringConnectors(this.#rest, [sink, source]);
  }

  /** Never a false "it runs": a connector whose tasks are not given out yet is waited for. */
  async status(): Promise<FlowStatus> {
    const known = await this.#known();
    if (known === undefined) return this.#told({ state: 'failed', ...notDeployed });
    const [source, sink, look] = await Promise.all([
      this.#rest.status(known.source.name),
      this.#rest.status(known.sink.name),
      this.#ends.look(),
    ]);
    return this.#told(stateOf(source, sink, look), look);
  }

  /**
   * Writes a sign on the source and waits until it has come through, for as long as the path runs and the signal lets it. Then the target has everything that the source had committed when this was
   * called: the lane keeps the order, and the sink has written a batch before it takes the next. Of a path that does not run, or ends meanwhile, it answers what it is.
   */
  async caughtUp(signal: AbortSignal): Promise<FlowStatus> {
    const before = await this.status();
    if (before.now.state !== 'running') return before;
    const { head, slot } = await this.#ends.look();
    // A batch that the sink has begun when the sign is written may hold changes that are not written yet: never the sign itself, which waits behind them.
    const beat = await this.#ends.beat();
    for (let looks = 1; ; looks += 1) {
      await sleep(lookEveryMs, signal);
      const { heartbeatUs } = await this.#ends.look();
      if (heartbeatUs !== undefined && heartbeatUs >= beat) break;
      if (looks % looksToStatus !== 0) continue;
      const meanwhile = await this.status();
      if (meanwhile.now.state !== 'running') return meanwhile;
      // Where nothing tells whether the log was read already when the sign was written, that one may have been before the beginning: a later one says the same.
      if (slot === 'none') await this.#ends.beat();
    }
    this.#applied = head;
    return this.status();
  }

  /** Their tasks stop where they are; `deploy` goes on from there. */
  async pause(): Promise<void> {
    const known = await this.#known();
    if (known === undefined) return;
    for (const { name } of [known.source, known.sink]) {
      if ((await this.#rest.status(name)) !== undefined) await this.#rest.pause(name);
    }
  }

  /** Takes connectors, slot and topics away. Idempotent. */
  async retire(signal?: AbortSignal): Promise<void> {
    const known = await this.#known();
    if (known === undefined) return;
    for (const { name } of [known.source, known.sink]) await removeConnector(this.#rest, name, signal);
    // The reader of the slot may live for a moment longer than its connector.
    await this.#ends.dropSlot(signal);
    await this.#ends.deleteTopics(known.topics, signal);
    // Last: whoever comes after a crash finds what is left.
    await this.#ends.forgetRun();
  }

  async #known(): Promise<PathConnectors | undefined> {
    const run = await this.#ends.knownRun();
    return run === undefined ? undefined : this.#connectors(run);
  }

  #told(now: FlowState, look?: PathLook): FlowStatus {
    const lagUs = look?.heartbeatUs === undefined ? undefined : look.nowUs - look.heartbeatUs;
    return {
      flow: 'forward',
      mode: 'live',
      now,
      received: look?.confirmed ?? nowhere,
      applied: this.#applied,
      ...(look === undefined ? {} : { head: look.head }),
      lagBytes: look?.lagBytes ?? 0,
      // The age of the newest sign: more than the lag by the pause between two of them, never less.
      ...(lagUs === undefined ? {} : { lagMs: Math.max(0, Number(lagUs / 1_000n)) }),
      transactions: 0,
      changes: 0,
      changesPerSecond: 0,
      spoolBytes: 0,
      ...(look?.retainedBytes === undefined ? {} : { retainedBytes: look.retainedBytes }),
      rogueTransactions: 0,
      standsStill: false,
    };
  }
}

const notDeployed = { code: 'TEAL-CARRIERS-001', reason: 'its connectors are not there' } as const;

/** Pure: what the flow is, by what the cluster and the source tell. */
export function stateOf(
  source: ConnectorStatus | undefined,
  sink: ConnectorStatus | undefined,
  look: Pick<PathLook, 'slot' | 'confirmed'>,
): FlowState {
  if (source === undefined || sink === undefined) return { state: 'failed', ...notDeployed };
  const failed = [source, sink].flatMap(failedParts);
  if (look.slot === 'invalidated')
    return { state: 'failed', code: 'TEAL-CARRIERS-007', reason: 'the source has dropped what the flow had not read' };
  if (failed.length > 0)
    return { state: 'failed', code: 'TEAL-CARRIERS-014', reason: `a task has failed: ${failed.join('; ')}` };
  const position = look.confirmed ?? nowhere;
  const waiting = (reason: string): FlowState => ({ state: 'waiting', code: 'TEAL-CARRIERS-005', reason, position });
  if ([source, sink].some(isHalted)) return waiting('its connectors are paused');
  if (![source, sink].every(runs)) return waiting('Kafka Connect gives its tasks out');
  // While it is made it is there, and what it begins with is not decided: a sign that is written now could be missed.
  if (look.slot !== 'none' && (look.slot === 'absent' || look.confirmed === undefined))
    return waiting('Debezium has not made its slot yet');
  return { state: 'running' };
}

function isHalted({ connector: { state } }: ConnectorStatus): boolean {
  return state === 'PAUSED' || state === 'STOPPED';
}
