import { createHash } from 'node:crypto';
import type { JournalRecord } from '../../journal/record.ts';
import type { Span, SpanAttributes } from '../../observe/otlp.ts';

/** A piece of work that has begun. */
interface Open {
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly startMs: number;
  readonly attributes: SpanAttributes;
  readonly events: Span['events'][number][];
}

/**
 * Makes spans of one command from what it writes into the journal: a trace a command; in it its stages, steps, gates and cuts. No I/O and no clock: times are those of the records. Nothing
 * is told of what an earlier command began and this one ends; its own trace has the beginning.
 */
export class JournalSpans {
  readonly #open = new Map<string, Open>();
  #run: { readonly traceId: string; readonly root: Open } | undefined;
  #lastMs = 0;
  #failure: string | undefined;

  /** Spans that end with this record. */
  hear({ seq, at, event }: JournalRecord): readonly Span[] {
    const atMs = Date.parse(at);
    this.#lastMs = atMs;
    switch (event.type) {
      case 'runStarted': {
        const traceId = traceIdOf(event.run);
        const attributes = {
          'teal.command': event.command,
          'teal.run': event.run,
          'process.pid': event.pid,
          'host.name': event.host,
        };
        const spanId = spanIdOf(event.run, seq);
        const root = { spanId, parentId: '', name: `teal ${event.command}`, startMs: atMs, attributes, events: [] };
        this.#run = { traceId, root };
        return [];
      }
      case 'stageStarted':
        return this.#begin(`stage ${event.stage}`, 'stage', seq, atMs, { 'teal.stage': event.stage });
      case 'stageFinished':
      case 'stageUndone':
        return this.#end(`stage ${event.stage}`, atMs, { 'teal.undone': event.type === 'stageUndone' });
      case 'stepIntended':
        return this.#begin(`step ${event.step}`, 'step', seq, atMs, { 'teal.step': event.step });
      case 'stepUndoIntended':
        return this.#begin(`step ${event.step}`, 'undo', seq, atMs, { 'teal.step': event.step });
      case 'stepDone':
        return this.#end(`step ${event.step}`, atMs, { 'teal.evidence': event.evidence });
      case 'stepUndone':
        return this.#end(`step ${event.step}`, atMs, { 'teal.undone': true });
      case 'stepFailed':
        this.#failure = event.failure.code;
        return this.#end(`step ${event.step}`, atMs, { 'teal.doing': event.doing }, event.failure.code);
      case 'gateAsked':
        return this.#begin(`gate ${event.gate}`, 'gate', seq, atMs, {
          'teal.gate': event.gate,
          'teal.asks': event.asks,
          'teal.person': event.person,
        });
      case 'gateAnswered': {
        const attributes = { 'teal.answer': event.answer };
        this.#note(`gate ${event.gate}`, 'answered', atMs, attributes);
        return event.answer === 'yes' || event.answer === 'no' ? this.#end(`gate ${event.gate}`, atMs, attributes) : [];
      }
      case 'cutIntended':
        return this.#begin(`cut ${event.cut}`, 'cut', seq, atMs, {
          'teal.cut': event.cut,
          'teal.from': event.from,
          'teal.to': event.to,
          'teal.epoch': event.epoch,
        });
      case 'cutDecided':
        this.#note(`cut ${event.cut}`, 'decided', atMs, {});
        return [];
      case 'cutAborted':
        return this.#end(`cut ${event.cut}`, atMs, {}, event.code);
      case 'cutFinished': {
        const pauseMs = event.facts['pauseMs'];
        return this.#end(`cut ${event.cut}`, atMs, typeof pauseMs === 'number' ? { 'teal.pause_ms': pauseMs } : {});
      }
      default:
        return [];
    }
  }

  /** What is still open ends with the command, and so does its trace. */
  close(nowMs: number): readonly Span[] {
    const run = this.#run;
    if (run === undefined) return [];
    const endMs = Math.max(nowMs, this.#lastMs);
    const rest = [...this.#open.keys()]
      .toReversed()
      .flatMap((key) => this.#end(key, endMs, { 'teal.unfinished': true }));
    this.#run = undefined;
    const { parentId: _, ...root } = run.root;
    return [
      ...rest,
      { ...root, traceId: run.traceId, endMs, ...(this.#failure === undefined ? {} : { failure: this.#failure }) },
    ];
  }

  #begin(key: string, what: string, seq: number, startMs: number, attributes: SpanAttributes): readonly Span[] {
    const run = this.#run;
    if (run === undefined) return [];
    // Asked again: what it had said before is of another time.
    const before = this.#open.has(key) ? this.#end(key, startMs, { 'teal.unfinished': true }) : [];
    const name = what === 'undo' ? `undo ${key}` : key;
    this.#open.set(key, {
      spanId: spanIdOf(run.root.attributes['teal.run'], seq),
      parentId: this.#parentOf(what, run.root),
      name,
      startMs,
      attributes,
      events: [],
    });
    return before;
  }

  /** Steps are of the cut that is under way, or of the stage; of several stages, of the one that began last. */
  #parentOf(what: string, root: Open): string {
    if (what !== 'step') return root.spanId;
    const open = [...this.#open].filter(([key]) => key.startsWith('cut ') || key.startsWith('stage '));
    return open.at(-1)?.[1].spanId ?? root.spanId;
  }

  #note(key: string, name: string, atMs: number, attributes: SpanAttributes): void {
    this.#open.get(key)?.events.push({ name, atMs, attributes });
  }

  #end(key: string, endMs: number, attributes: SpanAttributes, failure?: string): readonly Span[] {
    const [run, open] = [this.#run, this.#open.get(key)];
    if (run === undefined || open === undefined) return [];
    this.#open.delete(key);
    const whole = { ...open, endMs, attributes: { ...open.attributes, ...attributes } };
    return [{ ...whole, traceId: run.traceId, ...(failure === undefined ? {} : { failure }) }];
  }
}

/** A run's id is a UUID: 128 bits, as a trace's are. Of any other text so many bits of its hash. */
function traceIdOf(run: string): string {
  const digits = run.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) && !/^0+$/.test(digits) ? digits : hashOf(run, 32);
}

function spanIdOf(run: unknown, seq: number): string {
  return hashOf(`${String(run)} ${seq}`, 16);
}

function hashOf(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
