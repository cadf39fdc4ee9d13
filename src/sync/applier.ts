import { later, monotonicMs, nowMs, sleep } from '../kernel/clock.ts';
import { describeError, TealError, isTealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import type { ActingKey } from '../model/acting-keys.ts';
import { tableKey, type TableName } from '../model/catalog.ts';
import type { Relation, RowChange, StreamEvent, TruncateChange } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { SchemaForm } from '../model/schema-form.ts';
import { flowSource, type Flow, type FlowMode, type FlowState } from '../ports/carrier.ts';
import type { KeptMode, Sink, SinkCommit, SinkProgress, TargetTable } from '../ports/sink.ts';
import {
  defaultBatchLimits,
  factsAfter,
  isApplied,
  isFull,
  isOverlong,
  joinGroup,
  openTransaction,
  place,
  placeControl,
  type BatchLimits,
  type FlowFacts,
  type Group,
  type OpenTransaction,
} from './batch.ts';
import { cascadesBy, type CascadeOf } from './cascades.ts';
import { controlRowOf, controlSchema, isOwnOrigin, signOf } from './control.ts';
import { afterNews, ddlPrefix, newsText, readDdlNote, withNote, type DdlNote, type SchemaNews } from './ddl.ts';
import type { EventSource } from './event-source.ts';
import { Hold } from './hold.ts';
import { flowMode } from './mode.ts';
import { Patience } from './patience.ts';
import { lagOf, type HeartbeatSeen } from './lag.ts';
import { Rate } from './rate.ts';
import {
  firstStart,
  isInCopy,
  lastStart,
  noStarts,
  refuseSplitCommit,
  startsAfter,
  type TableStarts,
} from './starts.ts';

export interface ApplierOptions {
  readonly stream: string;
  readonly flow: Flow;
  readonly migration: string;
  /** Opened at the position that `sink.progress()` gives, or before it. */
  readonly events: EventSource;
  /** Not closed by the applier. */
  readonly sink: Sink;
  /** Tables of the migration. All others of the stream are passed over. */
  readonly managed: (table: TableName) => boolean;
  /** Written when the target has no progress of this stream yet: where the copy ends and the stream begins. */
  readonly initial?: SinkProgress;
  /** Tables that the copy brought under a later snapshot than the one where the stream begins; default: none. */
  readonly starts?: TableStarts;
  /**
   * Foreign keys of the source that act and whose log does not hold what they did; default: none. Tables that they link were copied under one snapshot: what a change of a parent did is
   * in the copy of its children exactly when the change itself is in that of the parent.
   */
  readonly actingKeys?: readonly ActingKey[];
  readonly limits?: BatchLimits;
  /** What the target has not of these; without it the columns of the next row tell alone. */
  readonly lacking?: (forms: readonly SchemaForm[]) => Promise<readonly string[]>;
  /** Pause between two looks at a target that does not fit; default 1 000. */
  readonly lookEveryMs?: number;
  /** How often the source's heartbeat is written; default 1 000. */
  readonly heartbeatEveryMs?: number;
}

export interface ApplierStatus {
  readonly mode: FlowMode;
  /** As it is kept at `taken`. */
  readonly kept: KeptMode;
  readonly now: FlowState;
  /**
   * End of the last transaction that was taken from the stream: judged, and in the next batch for the target where there is something to apply. It may not be on the target yet: what is
   * there for good is `durable`.
   */
  readonly taken: Position | undefined;
  /** Up to here nothing is lost if the target crashes. */
  readonly durable: Position | undefined;
  /** Present while tables of the target stand at different places of the source's log: until the stream has come to here. */
  readonly convergesAt?: Position;
  readonly epoch: number;
  /** See `lagOf`: undefined until a heartbeat has come through (pgdog #1121). */
  readonly lagMs?: number;
  readonly transactions: number;
  /** Changes applied to managed tables. */
  readonly changes: number;
  readonly changesPerSecond: number;
  readonly rogueTransactions: number;
  readonly rogueFirst?: string;
  /** Changes of the schema that the source has told, and the last of them. */
  readonly ddlNotes: number;
  readonly ddlLast?: DdlNote;
}

/**
 * Applies one flow's stream to its target.
 *
 * `run` goes on until the signal aborts (it then resolves) or something ends it; once for each applier. An error whose entry says `retry: auto` means: open sink and
 * events anew, from the target's progress, and run a new applier. What was applied twice or not at all cannot be: the position is in the target's
 * own transaction (correctness.md §2.1).
 */
export interface Applier {
  run(signal: AbortSignal): Promise<void>;
  status(): ApplierStatus;
  /**
   * Applies every transaction that ends at or before `position`, nothing after, and stays there until `resume` or for `leaseMs`. Resolves, when that is durable,
   * with the place: `position`, or a later one when the stream was already beyond. That nothing more comes before `position` is known by a
   * transaction that ends after it; the heartbeat brings one.
   */
  stopAt(position: Position, leaseMs: number): Promise<Position>;
  resume(): void;
}

export function createApplier(options: ApplierOptions): Applier {
  return new StreamApplier(options);
}

/** Between two looks whether what was committed has reached the target's disk. */
const durableEveryMs = 100;
/**
 * A position that nothing but itself would be written for waits this long for company. Two flows that answered each other's empty transactions at once would never
 * be quiet: before 15 PostgreSQL sends a transaction even when nothing of it is published.
 */
const quietMs = 5_000;

class StreamApplier implements Applier {
  readonly #options: ApplierOptions;
  readonly #limits: BatchLimits;
  readonly #lookEveryMs: number;
  readonly #patience: Patience;
  readonly #cascadeOf: CascadeOf;
  readonly #hold = new Hold();
  readonly #rate = new Rate();
  #signal: AbortSignal = AbortSignal.abort();
  /** Those that the stream has not come to yet, and the first of them. */
  #starts: TableStarts = noStarts;
  #nextStart: Position | undefined;
  #convergesAt: Position | undefined;
  #open: OpenTransaction | undefined;
  #group: Group | undefined;
  /** The group that goes to the target meanwhile: the next is read and judged beside it. Never rejects unseen: see `#settle`. */
  #underway: Promise<void> = Promise.resolve();
  #isWriting = false;
  /** After the last transaction that is in the group, or in the target. */
  #facts: FlowFacts = { mode: 'shadow', epoch: 0, rogueTransactions: 0, rogueFirst: undefined };
  #taken: Position | undefined;
  #applied: Position | undefined;
  #durable: Position | undefined;
  #now: FlowState = { state: 'running' };
  #heartbeat: HeartbeatSeen | undefined;
  #transactions = 0;
  #changes = 0;
  #ddlNotes = 0;
  #ddlLast: DdlNote | undefined;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultBatchLimits;
    this.#lookEveryMs = options.lookEveryMs ?? 1_000;
    this.#cascadeOf = cascadesBy(options.actingKeys ?? []);
    this.#patience = new Patience({
      sink: options.sink,
      lookEveryMs: this.#lookEveryMs,
      tell: (waiting) => this.#tellWaiting(waiting),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    try {
      const { applied, ...kept } = await this.#options.sink.progress(this.#options.initial);
      this.#facts = { ...kept, rogueFirst: kept.rogueFirst };
      this.#taken = this.#applied = applied;
      this.#keepStarts(startsAfter(this.#options.starts ?? noStarts, applied));
      this.#convergesAt = lastStart(this.#starts);
      this.#tellDurable(await this.#options.sink.durable(false));
      await this.#follow(signal);
    } catch (error) {
      this.#hold.fail(error);
      if (signal.aborted) return;
      const code = isTealError(error) ? error.code : 'TEAL-KERNEL-001';
      this.#now = { state: 'failed', code, reason: describeError(error) };
      throw error;
    } finally {
      // Nobody may take the sink from under it. What it was that failed first is told already.
      await this.#settle().catch(() => undefined);
    }
  }

  status(): ApplierStatus {
    const { mode, epoch, rogueTransactions, rogueFirst } = this.#facts;
    const lagMs = lagOf(this.#heartbeat, this.#options.heartbeatEveryMs ?? 1_000, nowMs());
    const converges = this.#convergesAt;
    const isMixed = converges !== undefined && (this.#applied === undefined || this.#applied < converges);
    return Object.freeze({
      mode: flowMode(mode),
      kept: mode,
      now: this.#now,
      taken: this.#taken,
      durable: this.#durable,
      ...(isMixed ? { convergesAt: converges } : {}),
      epoch,
      ...(lagMs === undefined ? {} : { lagMs }),
      transactions: this.#transactions,
      changes: this.#changes,
      changesPerSecond: this.#rate.perSecond(monotonicMs()),
      rogueTransactions,
      ...(rogueFirst === undefined ? {} : { rogueFirst }),
      ddlNotes: this.#ddlNotes,
      ...(this.#ddlLast === undefined ? {} : { ddlLast: this.#ddlLast }),
    });
  }

  async stopAt(position: Position, leaseMs: number): Promise<Position> {
    return this.#hold.stopAt(position, leaseMs);
  }

  resume(): void {
    this.#hold.resume();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { events } = this.#options;
    let next: Promise<readonly StreamEvent[]> | undefined;
    for (;;) {
      signal.throwIfAborted();
      if (this.#open?.sliced !== true) await this.#standStill(undefined);
      next ??= events.next(signal);
      // It is awaited below, perhaps a few turns later: until then its rejection is not lost, only late.
      next.catch(() => undefined);
      const batch = events.hasMore() ? await next : await this.#orIdle(next);
      if (batch === undefined) continue;
      next = undefined;
      for (const event of batch) {
        // Most changes need no waiting, and a turn of the event loop for each would cost more than they do.
        const taken = this.#take(event);
        if (taken !== undefined) await taken;
      }
      const group = this.#group;
      if (group === undefined) continue;
      if (this.#isDue(group, monotonicMs()) || (!events.hasMore() && !group.quiet)) await this.#send();
    }
  }

  /** The next events; or undefined after a pause in which there were none, with what a pause is good for done. */
  async #orIdle(next: Promise<readonly StreamEvent[]>): Promise<readonly StreamEvent[] | undefined> {
    const batch = await this.#orPause(next);
    if (batch !== undefined) return batch;
    const group = this.#group;
    if (group !== undefined && (!group.quiet || monotonicMs() - group.sinceMs >= quietMs)) await this.#flush();
    if (this.#durable !== this.#applied && this.#open?.sliced !== true) {
      this.#tellDurable(await this.#options.sink.durable(false));
    }
    return undefined;
  }

  /** Undefined when the time is over, or somebody has asked for a stop or ended one. An abort ends `next` itself. */
  async #orPause(next: Promise<readonly StreamEvent[]>): Promise<readonly StreamEvent[] | undefined> {
    const over = Promise.withResolvers<undefined>();
    const end = (): void => over.resolve(undefined);
    // Before anything is waited for: a stop that is asked for meanwhile is not to be missed.
    using _hold = this.#hold.onChange(end);
    await this.#settle();
    using _pause = later(this.#durable === this.#applied ? quietMs : durableEveryMs, end);
    return await Promise.race([next, over.promise]);
  }

  #take(event: StreamEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'begin':
        this.#open = openTransaction(event);
        return undefined;
      case 'origin':
        this.#current().ours = isOwnOrigin(event.name, this.#options.migration);
        return undefined;
      case 'relation':
        return undefined;
      case 'insert':
      case 'update':
      case 'delete':
      case 'put':
        return this.#takeRow(event);
      case 'truncate':
        return this.#takeTruncate(event);
      case 'message':
        if (event.transactional && event.prefix === ddlPrefix) this.#takeDdl(event.content);
        return undefined;
      case 'commit':
        return this.#takeCommit(event.end);
    }
  }

  #current(): OpenTransaction {
    if (this.#open === undefined) throw new TealError('TEAL-SYNC-117', 'a change came outside of a transaction');
    return this.#open;
  }

  #takeRow(change: RowChange): Promise<void> | undefined {
    const open = this.#current();
    const { relation } = change;
    if (relation.schema === controlSchema) {
      takeControl(open, change);
      return undefined;
    }
    if (!this.#isWanted(open, relation) || this.#isThere(open, relation)) return undefined;
    const table = this.#patience.known(relation);
    if (table === undefined) return this.#takeFirstRow(open, change);
    this.#placeRow(open, table, change);
    return isOverlong(open, this.#limits) ? this.#slice(open) : undefined;
  }

  async #takeFirstRow(open: OpenTransaction, change: RowChange): Promise<void> {
    this.#placeRow(open, await this.#fitting(change.relation), change);
  }

  #placeRow(open: OpenTransaction, table: TargetTable, change: RowChange): void {
    const cascade = this.#cascadeOf(change);
    place(open, cascade === undefined ? { kind: 'row', table, change } : { kind: 'row', table, change, cascade });
  }

  async #takeTruncate(change: TruncateChange): Promise<void> {
    const open = this.#current();
    const wanted = change.relations.filter(
      (relation) =>
        relation.schema !== controlSchema && this.#isWanted(open, relation) && !this.#isThere(open, relation),
    );
    if (wanted.length === 0) return;
    const tables: TargetTable[] = [];
    for (const relation of wanted) tables.push(await this.#fitting(relation));
    place(open, { kind: 'truncate', tables, restartIdentity: change.restartIdentity });
  }

  /** Whether a change of this table is to be applied. One that may not be, and is not Teal's, marks its transaction as a rogue. */
  #isWanted(open: OpenTransaction, relation: Relation): boolean {
    if (open.ours || !this.#options.managed(relation)) return false;
    if (flowMode(this.#facts.mode) === 'live') return true;
    (open.rogueTables ??= new Set()).add(tableKey(relation));
    return false;
  }

  /** Whether the copy has brought this change already. */
  #isThere(open: OpenTransaction, relation: Relation): boolean {
    return isInCopy(this.#starts, relation.id, open.commitsAt);
  }

  #takeDdl(content: Buffer): void {
    const read = readDdlNote(content);
    const open = this.#current();
    if (read === undefined || open.ours) return;
    const note = afterNews(open.schema, read);
    this.#ddlNotes += 1;
    this.#ddlLast = note;
    for (const table of note.tables) this.#patience.forget(table);
    if (flowMode(this.#facts.mode) === 'live') open.schema = withNote(open.schema, note);
  }

  #takeCommit(end: Position): Promise<void> | undefined {
    const open = this.#current();
    this.#open = undefined;
    this.#passStarts(open, end);
    const before = this.#taken;
    const isPlain = before !== undefined && !isApplied(end, before) && !open.sliced && open.schema === undefined;
    // Most commits need no waiting either.
    if (isPlain && this.#now.state !== 'paused' && !this.#hold.isDue(before, end)) return this.#join(open, end);
    return this.#takeCommitSlowly(open, end, before);
  }

  async #takeCommitSlowly(open: OpenTransaction, end: Position, before: Position | undefined): Promise<void> {
    if (before !== undefined && isApplied(end, before)) {
      // It came again after a restart; what was sliced of it must not stay.
      if (open.sliced) await this.#options.sink.abandon();
      return;
    }
    if (open.sliced && before !== undefined && this.#hold.isDue(before, end)) {
      await this.#options.sink.abandon();
      await this.#standStill(end);
      throw new TealError('TEAL-SYNC-115', 'a large transaction was interrupted by a stop', { position: end });
    }
    await this.#standStill(end);
    if (open.schema !== undefined) await this.#fitNews(open, open.schema, [...open.schema.forms.values()].flat(), end);
    await this.#join(open, end);
  }

  #join(open: OpenTransaction, end: Position): Promise<void> | undefined {
    const facts = this.#facts;
    const nowMs = monotonicMs();
    this.#facts = factsAfter(facts, open, end, flowSource(this.#options.flow));
    this.#group = joinGroup(this.#group, open, end, { before: facts, after: this.#facts }, nowMs);
    this.#taken = end;
    return open.sliced || this.#isDue(this.#group, nowMs) ? this.#send() : undefined;
  }

  /** While another group is under way it costs no time to let this one grow. */
  #isDue(group: Group, nowMs: number): boolean {
    return isFull(group, this.#isWriting ? { ...this.#limits, ms: Infinity } : this.#limits, nowMs);
  }

  #passStarts(open: OpenTransaction, end: Position): void {
    if (this.#nextStart === undefined || end < this.#nextStart) return;
    refuseSplitCommit(this.#starts, open.commitsAt, end);
    this.#keepStarts(startsAfter(this.#starts, end));
  }

  #keepStarts(starts: TableStarts): void {
    this.#starts = starts;
    this.#nextStart = firstStart(starts);
  }

  /** Puts what there is of a transaction too large to keep into the open target transaction (it commits with the last of it). */
  async #slice(open: OpenTransaction): Promise<void> {
    if (!open.sliced) await this.#flush();
    open.sliced = true;
    await this.#patience.writeSlice(open.placed, this.#signal);
    open.placed = [];
    open.rows = 0;
    open.bytes = 0;
  }

  /** All that was taken is on the target when this resolves, and nothing is under way there. */
  async #flush(): Promise<void> {
    await this.#send();
    await this.#settle();
  }

  /** As soon as nothing is under way on the target any more: errors are those of what was. */
  async #settle(): Promise<void> {
    await this.#underway;
  }

  /** Lets the group go to the target, behind the one before it, and waits for that one alone. */
  async #send(): Promise<void> {
    await this.#settle();
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    this.#underway = this.#write(group);
    // It is awaited before anything else is asked of the target; until then its rejection is not lost, only late.
    this.#underway.catch(() => undefined);
  }

  async #write(group: Group): Promise<void> {
    const { end, state } = group;
    const { rogueFirst, ...kept } = state;
    const commit: SinkCommit = {
      ...kept,
      ...(rogueFirst === undefined ? {} : { rogueFirst }),
      applied: end,
      committedAtUs: group.committedAtUs,
    };
    let durable: Position;
    this.#isWriting = true;
    try {
      durable = await this.#patience.write(group.placed, commit, this.#signal);
    } finally {
      this.#isWriting = false;
    }
    this.#applied = end;
    this.#transactions += group.transactions;
    this.#changes += group.changes;
    this.#rate.add(monotonicMs(), group.changes);
    if (group.heartbeatUs !== undefined) {
      this.#heartbeat = { writtenMs: Number(group.heartbeatUs / 1000n), appliedMs: nowMs() };
    }
    this.#tellDurable(durable);
  }

  /**
   * Before a transaction that changed the schema: waits until the target has these of its forms, with everything before it applied. `end` of the transaction, when
   * that is known.
   */
  async #fitNews(
    open: OpenTransaction,
    news: SchemaNews,
    forms: readonly SchemaForm[],
    end: Position | undefined,
  ): Promise<void> {
    const { lacking, sink } = this.#options;
    if (lacking === undefined || forms.length === 0) return;
    let waited = false;
    for (;;) {
      const missing = await lacking(forms);
      if (missing.length === 0) break;
      if (!waited) await (open.sliced ? sink.abandon() : this.#flush());
      waited = true;
      // A comparison may ask for this place meanwhile.
      if (!open.sliced) await this.#standStill(end);
      this.#tellWaiting(lackText(news, missing));
      await sleep(this.#lookEveryMs, this.#signal);
    }
    if (!waited) return;
    this.#tellWaiting(undefined);
    for (const table of news.forms.keys()) this.#patience.forget(table);
    if (open.sliced) throw new TealError('TEAL-SYNC-115', 'a large transaction changed the schema');
  }

  /** How the table fits. Where it does not: all before this transaction is applied, and the target is looked at until it does. */
  async #fitting(relation: Relation): Promise<TargetTable> {
    const open = this.#current();
    const news = open.schema;
    // The note before this row says more than the row's columns.
    if (news !== undefined) await this.#fitNews(open, news, news.forms.get(tableKey(relation)) ?? [], open.commitsAt);
    await this.#settle();
    let undone = false;
    const table = await this.#patience.fitting(relation, this.#signal, async () => {
      undone = this.#open?.sliced === true;
      await (undone ? this.#options.sink.abandon() : this.#flush());
    });
    if (undone) throw new TealError('TEAL-SYNC-115', 'a large transaction met a table that did not fit');
    return table;
  }

  /** Where a stop asks for it: applies what is before it, makes that durable, and waits until it may go on. */
  async #standStill(next: Position | undefined): Promise<void> {
    while (this.#taken !== undefined && this.#hold.isDue(this.#taken, next)) {
      await this.#flush();
      this.#tellDurable(await this.#options.sink.durable(true));
      this.#now = { state: 'paused', at: this.#hold.arrive(this.#taken) };
      await this.#hold.changed(this.#signal);
    }
    if (this.#now.state === 'paused') this.#now = { state: 'running' };
  }

  #tellWaiting(waiting: { code: string; reason: string } | undefined): void {
    const position = this.#applied;
    if (waiting !== undefined && position !== undefined) this.#now = { state: 'waiting', ...waiting, position };
    else if (this.#now.state === 'waiting') this.#now = { state: 'running' };
  }

  #tellDurable(durable: Position): void {
    if (durable === this.#durable) return;
    this.#durable = durable;
    failpoint('sync.apply.before-trim');
    this.#options.events.trimmed(durable);
  }
}

function lackText(news: SchemaNews, missing: readonly string[]): { readonly code: string; readonly reason: string } {
  const more = missing.length > 5 ? `; and ${missing.length - 5} more` : '';
  return { code: 'TEAL-SYNC-102', reason: `${missing.slice(0, 5).join('; ')}${more} (after ${newsText(news)})` };
}

/**
 * A row of Teal's own tables. Those that Teal itself wrote here come from the other side, which has them; an owner row among them still says who owns the data.
 */
function takeControl(open: OpenTransaction, change: RowChange): void {
  const row = controlRowOf(change);
  if (row === undefined) return;
  const sign = signOf(row);
  if (sign !== undefined && (!open.ours || sign.kind === 'owner')) (open.signs ??= []).push(sign);
  if (!open.ours) placeControl(open, row);
}
