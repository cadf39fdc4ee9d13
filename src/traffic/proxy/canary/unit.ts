import { frameHeaderBytes } from '../../../wire/postgres/frames.ts';
import {
  encodeClose,
  encodeDescribePortal,
  encodeExecute,
  encodeSync,
  frontend,
  isWholeExecute,
  namedStatement,
  readParse,
} from '../../../wire/postgres/frontend.ts';
import { firstUserType } from '../shadow/answer.ts';
import { judgedBytes, type Judged } from '../shadow/judge.ts';

/** A client's unit that is one read, or the begin or end of a transaction, and nothing else; whole in one piece of what it sent. */
export interface ReadUnit {
  /** In bytes, as the client sent it. */
  readonly length: number;
  /** Without values: what it is counted under. */
  readonly statement: string;
  /** It begins a transaction that only reads, each statement for itself; or it ends a transaction. No read. */
  readonly control?: 'begin' | 'end';
  readonly asks:
    | { readonly kind: 'simple'; readonly query: Buffer }
    | {
        readonly kind: 'extended';
        /** The name and the Parse of its statement. `isOwn`: the unit itself prepares it. */
        readonly name: string;
        readonly parse: Buffer;
        readonly isOwn: boolean;
        readonly bind: Buffer;
        /** The client wants the columns. */
        readonly describes: boolean;
      };
}

export interface UnitSources {
  judge(text: string): Judged;
  /** The Parse of a statement that the session has. */
  parseOf(name: string): Buffer | undefined;
}

const longestBytes = 2 * judgedBytes;
const begins =
  /^\s*(?:begin(?:\s+(?:work|transaction))?|start\s+transaction)\s+(?:isolation\s+level\s+read\s+committed\s*,?\s*)?read\s+only\s*;?\s*$/i;
const ends = /^\s*(?:commit|end|rollback|abort)(?:\s+(?:work|transaction))?\s*;?\s*$/i;

/**
 * The read, or the begin or end of a transaction as a Query, that begins at a place of a chunk: a Query; or the unnamed statement's Parse if there is one, Bind of the unnamed portal, Describe of it if there is one, Execute of
 * all its rows, Sync. Undefined for everything else, and for what does not end in the chunk. All of it is copied. Errors: TEAL-WIRE-001 where a message is none.
 */
export function readUnitAt(chunk: Buffer, at: number, sources: UnitSources): ReadUnit | undefined {
  const frames = framesOf(chunk, at);
  const [first] = frames;
  if (first?.[0] === frontend.query) return simpleUnit(first, sources);
  return extendedUnit(frames, sources);
}

/** Up to the end of the unit; none where it does not end in the chunk. */
function framesOf(chunk: Buffer, from: number): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = from; at + frameHeaderBytes <= chunk.length && at - from < longestBytes && frames.length < 6;) {
    const end = at + 1 + chunk.readUInt32BE(at + 1);
    if (end > chunk.length) return [];
    const frame = chunk.subarray(at, end);
    frames.push(frame);
    if (frame[0] === frontend.query || frame[0] === frontend.sync) return frames;
    at = end;
  }
  return [];
}

function simpleUnit(query: Buffer, sources: UnitSources): ReadUnit | undefined {
  if (query.length > longestBytes) return undefined;
  const text = query.toString('latin1', frameHeaderBytes, query.length - 1);
  const asks = { kind: 'simple', query: Buffer.from(query) } as const;
  const control = begins.test(text) ? 'begin' : ends.test(text) ? 'end' : undefined;
  if (control !== undefined) return { length: query.length, statement: control, control, asks };
  const { read } = sources.judge(text);
  return read === undefined ? undefined : { length: query.length, statement: read.statement, asks };
}

function extendedUnit(frames: readonly Buffer[], sources: UnitSources): ReadUnit | undefined {
  const rest = [...frames];
  const next = (type: number): Buffer | undefined => (rest[0]?.[0] === type ? rest.shift() : undefined);
  const own = next(frontend.parse);
  const bind = next(frontend.bind);
  const describe = next(frontend.describe);
  const execute = next(frontend.execute);
  if (bind === undefined || execute === undefined || next(frontend.sync) === undefined) return undefined;
  const name = namedStatement(bind);
  // A portal with a name; columns of the statement, which are not those of the portal; a part of the rows.
  if (name === undefined || bind[frameHeaderBytes] !== 0 || !isWholeExecute(execute)) return undefined;
  if (describe !== undefined && !describe.equals(encodeDescribePortal())) return undefined;
  // A statement with a name is prepared on blue: then it is there whatever becomes of green.
  if (own !== undefined && (own[frameHeaderBytes] !== 0 || name !== '')) return undefined;
  const parse = own === undefined ? sources.parseOf(name) : Buffer.from(own);
  if (parse === undefined) return undefined;
  const textFrom = parse.indexOf(0, frameHeaderBytes) + 1;
  const { read } = sources.judge(parse.toString('latin1', textFrom, parse.indexOf(0, textFrom)));
  if (read === undefined || readParse(parse).parameterTypes.some((type) => type >= firstUserType)) return undefined;
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  const asks = { name, parse, isOwn: own !== undefined, bind: Buffer.from(bind), describes: describe !== undefined };
  return { length, statement: read.statement, asks: { kind: 'extended', ...asks } };
}

/** A unit as it is put to green, and what of the answer is not its client's. */
export interface Question {
  readonly message: Buffer;
  /** Of messages of the proxy's own, each once. */
  readonly drops: { readonly close: boolean; readonly parse: boolean; readonly columns: boolean };
}

/** `has`: the Parse of the statement of a name that green's connection has. */
export function questionOf({ asks }: ReadUnit, has: (name: string) => Buffer | undefined): Question {
  if (asks.kind === 'simple') {
    return { message: asks.query, drops: { close: false, parse: false, columns: false } };
  }
  const { name, parse, isOwn, bind, describes } = asks;
  const isTold = !isOwn && has(name) !== parse;
  const closes = isTold && name !== '';
  const message = Buffer.concat([
    ...(closes ? [encodeClose(Buffer.from(name, 'latin1'))] : []),
    ...(isTold || isOwn ? [parse] : []),
    bind,
    // Always: the columns tell whether the client knows their types.
    encodeDescribePortal(),
    encodeExecute(),
    encodeSync(),
  ]);
  return { message, drops: { close: closes, parse: isTold, columns: !describes } };
}
