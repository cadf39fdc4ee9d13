import { expect, test } from 'vitest';
import { status } from '../../../wire/postgres/backend.ts';
import { frame, int16, int32 } from '../../../wire/postgres/body.ts';
import { encodeBind, encodeExecute, encodeParse, encodeQuery, encodeSync } from '../../../wire/postgres/frontend.ts';
import { pristine } from '../session-state.ts';
import { judgeText } from './judge.ts';
import type { Sample, WriteSample } from './sample.ts';
import { SessionTap } from './tap.ts';
import { answerLimitBytes, type TapDesk } from './tap-desk.ts';

const session = {
  login: { user: 'app', credential: { kind: 'none' }, parameters: new Map<string, string>() },
  state: pristine,
  shown: new Map<string, string>(),
} as const;

/** A session whose server answers as it is told. */
class Watched implements TapDesk {
  readonly taken: Sample[] = [];
  readonly skipped: string[] = [];
  readonly written: WriteSample[] = [];
  readonly skippedWrites: string[] = [];
  readonly tap = new SessionTap(this, session);
  readonly kept = new Map<string, Buffer>();
  isOpen = true;
  isOver = false;
  isShare = true;
  isWriteShare = false;
  status: number = status.idle;
  outstanding = 0;
  #isMid = false;

  draws(): boolean {
    return this.isShare;
  }

  judge(text: string): ReturnType<typeof judgeText> {
    return judgeText(text, { builtIn: new Set(['set_config', 'nextval']), own: new Set() });
  }

  skip(why: string): void {
    this.skipped.push(why);
  }

  offer(sample: Sample): void {
    this.taken.push(sample);
  }

  drawsWrite(): boolean {
    return this.isWriteShare;
  }

  skipWrite(why: string): void {
    this.skippedWrites.push(why);
  }

  offerWrite(sample: WriteSample): void {
    this.written.push(sample);
  }

  failed(error: unknown): void {
    throw error;
  }

  send(...messages: readonly Buffer[]): void {
    for (const message of messages) {
      const alone = this.outstanding === 0 && !this.#isMid;
      this.tap.client(message, message.length, { alone, status: this.status, parseOf: (name) => this.kept.get(name) });
      const ends = message[0] === 0x51 || message[0] === 0x53;
      this.#isMid = !ends;
      if (ends) this.outstanding += 1;
    }
  }

  answer(text: string, after: number = status.idle): void {
    this.tap.answer(Buffer.from(text));
    this.outstanding -= 1;
    this.status = after;
    this.tap.ready(after, false);
  }

  /** What was asked, and what was answered. */
  get told(): readonly (readonly [string, string])[] {
    return this.taken.map(({ read, answer }) => [read.statement, Buffer.concat(answer).toString()]);
  }
}

const read = encodeQuery('select a from b where c = 1');
const statement = 'select a from b where c = ?';

test('a read is taken with its answer, and put as the client put it', () => {
  const at = new Watched();
  at.send(read);
  at.tap.answer(Buffer.from('first '));
  at.answer('second');
  expect(at.told).toEqual([[statement, 'first second']]);
  expect(at.taken[0]?.message).toEqual(read);
});

test('nothing is taken outside of the share, or while nobody compares', () => {
  const at = new Watched();
  at.isShare = false;
  at.send(read);
  at.answer('x');
  Object.assign(at, { isShare: true, isOpen: false });
  at.send(read);
  at.answer('x');
  expect([at.told, at.skipped]).toEqual([[], []]);
});

test('a prepared read is put as a whole, whether it was prepared just now or long ago', () => {
  const at = new Watched();
  const parse = encodeParse('s', 'select a from b where c = $1');
  const bind = encodeBind('s', [Buffer.from('1')]);
  at.send(parse, encodeSync());
  at.answer('1Z');
  at.kept.set('s', parse);
  at.send(bind, encodeExecute(), encodeSync());
  at.answer('2DCZ');
  at.send(
    encodeParse('', 'select a from b where c = $1'),
    encodeBind('', [Buffer.from('1')]),
    encodeExecute(),
    encodeSync(),
  );
  at.answer('12DCZ');
  expect(at.told).toEqual([
    [statement, '2DCZ'],
    [statement, '12DCZ'],
  ]);
  const whole = Buffer.concat([
    encodeParse('', 'select a from b where c = $1'),
    encodeBind('', [Buffer.from('1')]),
    frame('D', Buffer.from('P\0')),
    encodeExecute(),
    encodeSync(),
  ]);
  expect(at.taken.map(({ message }) => message.toString('hex'))).toEqual([
    whole.toString('hex'),
    whole.toString('hex'),
  ]);
});

test('of a portal that is read in pieces, or has parameters of types that are not built in, nothing is taken', () => {
  const at = new Watched();
  const bind = encodeBind('', []);
  at.send(encodeParse('', 'select a from b'), bind, frame('E', Buffer.from('\0'), int32(10)), encodeSync());
  at.answer('x');
  const typed = frame('P', Buffer.from('\0select a from b where c = $1\0'), int16(1), int32(20_000));
  at.send(typed, bind, encodeExecute(), encodeSync());
  at.answer('x');
  at.send(encodeParse('', 'select a from b'), bind, encodeExecute(), bind, encodeExecute(), encodeSync());
  at.answer('x');
  expect(at.taken).toEqual([]);
  expect(at.skipped).toEqual(['not a whole answer', 'a type that is not built in', 'several statements']);
});

test('in a transaction reads are taken until it may have written', () => {
  const at = new Watched();
  at.send(encodeQuery('begin'));
  at.answer('x', status.inTransaction);
  at.send(read);
  at.answer('in it', status.inTransaction);
  at.send(encodeQuery('update b set a = 1'));
  at.answer('x', status.inTransaction);
  at.send(read);
  at.answer('x', status.inTransaction);
  at.send(encodeQuery('commit'));
  at.answer('x');
  at.send(read);
  at.answer('after it');
  expect(at.told).toEqual([
    [statement, 'in it'],
    [statement, 'after it'],
  ]);
});

test('what is sent before the answer to another is not taken, and does not spoil what was', () => {
  const at = new Watched();
  at.send(read, encodeQuery('select d from e'));
  at.answer('one');
  at.answer('two');
  expect(at.told).toEqual([[statement, 'one']]);
  expect(at.skipped).toEqual(['several at once']);
});

test('too large an answer is let go', () => {
  const at = new Watched();
  at.send(read);
  at.answer('x'.repeat(answerLimitBytes + 1));
  expect([at.taken, at.skipped]).toEqual([[], ['too large an answer']]);
});

test.each([
  ['a setting', encodeQuery("set time zone 'UTC'")],
  ['a statement that nobody knows', encodeBind('unknown', [])],
  ['a call of a function by its number', frame('F', int32(1))],
])('%s ends the watch: the session is not known any more', (_what, message) => {
  const at = new Watched();
  at.send(message);
  expect(at.tap.isOver).toBe(true);
});

test('a COPY whose Sync was swallowed does not keep later reads from being taken', () => {
  const at = new Watched();
  at.send(encodeParse('', 'copy b from stdin'), encodeBind('', []), encodeExecute(), encodeSync(), encodeSync());
  at.outstanding = 1;
  at.answer('copied');
  at.send(read);
  at.answer('rows');
  expect(at.told).toEqual([[statement, 'rows']]);
});

test('a message that is not understood ends the watch, and nothing is thrown', () => {
  const at = new Watched();
  const failures: unknown[] = [];
  at.failed = (error) => failures.push(error);
  at.send(encodeParse('', 'select 1'), frame('B', Buffer.from('\0no end')));
  expect([at.tap.isOver, failures.length]).toEqual([true, 0]);
});
