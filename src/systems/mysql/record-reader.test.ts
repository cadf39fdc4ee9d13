import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import type { Position } from '../../model/position.ts';
import type { ChangeRecord } from '../../ports/change-source.ts';
import { uint16, uint32, uint64, uint8 } from '../../wire/mysql/body.ts';
import { eventType } from '../../wire/mysql/binlog/event.ts';
import { BinlogDecoder } from './change-decoder.ts';
import { positionOfPlace } from './position.ts';
import { RecordReader, type Question } from './record-reader.ts';
import { tell } from './test-support/stream.ts';

/** Recorded from real servers by test/fuzz/capture-mysql.ts, where the statements are. */
const folder = join(import.meta.dirname, '../../../test/fuzz/corpus/mysql-binlog');
const files = readdirSync(folder).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));

function eventsIn(bytes: Buffer): readonly Buffer[] {
  const events: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 9)) {
    events.push(bytes.subarray(at, at + bytes.readUInt32LE(at + 9)));
  }
  return events;
}

interface Seen {
  readonly records: readonly ChangeRecord[];
  readonly questions: readonly Question[];
  readonly code: string | undefined;
}

/** Reads until the end or the first error. */
function readAll(reader: RecordReader, events: readonly Buffer[]): Seen {
  const records: ChangeRecord[] = [];
  const questions: Question[] = [];
  try {
    for (const event of events) {
      for (const record of reader.read(event)) {
        if (record.kind === 'question') questions.push(record);
        else records.push(record);
      }
    }
  } catch (error) {
    return { records, questions, code: isTealError(error) ? error.code : String(error) };
  }
  return { records, questions, code: undefined };
}

const kindsOf = (records: readonly ChangeRecord[]): string => records.map(({ kind }) => kind).join(' ');

describe.each(files)('the recorded $name', ({ name, bytes }) => {
  const flavour = name.includes('mariadb') ? 'mariadb' : 'mysql';
  const events = eventsIn(bytes);
  const from = positionOfPlace({ sequence: 1, offset: 4, gtids: '' });
  const reader = (): RecordReader => new RecordReader({ flavour, checksum: 'crc32', from });

  test('is whole transactions up to the statement that it must stop on', () => {
    const { records, code } = readAll(reader(), events);
    expect(kindsOf(records)).toBe(
      'begin schema change commit begin change commit begin change commit begin change commit begin change commit',
    );
    expect(code).toBe('TEAL-SYSTEMS-322');
    const decoder = new BinlogDecoder({
      policy: { zeroDate: 'null', invalidEnum: 'stop', nulByte: 'stop', invalidText: 'stop' },
    });
    const told = records.map((record) => (record.kind === 'mark' ? '' : tell(decoder.decode(record.payload) as never)));
    expect(told[2]).toBe(
      String.raw`insert kinds 1|2024|-128|18446744073709551615|-12345.67890|1.5|0.1|NULL|-838:59:58.999|9999-12-31 23:59:59.999999|` +
        String.raw`2024-06-01 12:00:00.25+00|ab|ü|\x41000000|\x00ff|ü|x,y|1000000000001|\x000000000101000000000000000000f03f00000000000000c0|{"a": [1, 2.5, "ü", null]}`,
    );
    const nulls = '|NULL'.repeat(19);
    expect(told.slice(4)).toEqual([
      'begin',
      `insert kinds 2${nulls}`,
      'commit',
      'begin',
      expect.stringMatching(/^update kinds full 2\|NULL.* to 3\|NULL.*\|a\|NULL/) as string,
      'commit',
      'begin',
      expect.stringMatching(/^delete kinds full 3\|/) as string,
      'commit',
      'begin',
      expect.stringMatching(/^message teal.ddl .*"CREATE TABLE"/) as string,
      'commit',
    ]);
  });

  test('asks how a table is that a statement has changed, and what its log does not tell', () => {
    const { questions } = readAll(reader(), events);
    // Of a BINARY column of 4 or 16 bytes a log of MariaDB does not tell what it is.
    const asked = flavour === 'mariadb' ? ['kinds', 'doomed'] : ['doomed'];
    expect(questions.flatMap(({ tables }) => tables.map((table) => table.name))).toEqual(asked);
  });

  test('is nothing but a boundary that goes on where none of it is wanted', () => {
    const one = new RecordReader({ flavour, checksum: 'crc32', from, isWanted: () => false });
    const [first] = events;
    const { records } = readAll(one, events);
    expect(records).toEqual([]);
    expect(first !== undefined && one.boundary > from).toBe(true);
    expect(one.insideTransaction).toBe(false);
  });

  test('with the middle of a transaction left out is refused', () => {
    const types = events.map((event) => event[4]);
    const begin = types.findIndex((type) => type === eventType.gtid || type === eventType.mariadbGtid);
    const next = types.findIndex((type, at) => at > begin && type === types[begin]);
    expect(readAll(reader(), [...events.slice(0, begin + 1), ...events.slice(next)]).code).toBe('TEAL-WIRE-001');
  });
});

/** An event without a checksum. */
function event(type: number, nextPosition: number, body: Buffer, timestamp = 7): Buffer {
  const head = [uint32(timestamp), uint8(type), uint32(1), uint32(19 + body.length), uint32(nextPosition), uint16(0)];
  return Buffer.concat([...head, body]);
}

function rotate(file: string, position: bigint, timestamp: number): Buffer {
  return event(eventType.rotate, 0, Buffer.concat([uint64(position), Buffer.from(file)]), timestamp);
}

const anonymous = Buffer.concat([uint8(0), Buffer.alloc(16), uint64(0n)]);
const query = (sql: string): Buffer =>
  Buffer.concat([uint32(1), uint32(0), uint8(1), uint16(0), uint16(0), Buffer.from('s\0'), Buffer.from(sql)]);

function synthetic(offset: number, sequence = 1): RecordReader {
  const from = positionOfPlace({ sequence, offset, gtids: undefined });
  return new RecordReader({ flavour: 'mysql', checksum: 'none', from });
}

const at = (sequence: number, offset: number): Position => positionOfPlace({ sequence, offset, gtids: undefined });

test('places go on above four gigabytes, where events have no room for them', () => {
  const span = 2 ** 32;
  const reader = synthetic(span - 100);
  const { records } = readAll(reader, [
    rotate('binlog.000001', 4n, 0),
    event(eventType.anonymousGtid, span - 50, anonymous),
    event(eventType.query, 20, query('create table t (a int)')),
    event(eventType.anonymousGtid, 80, anonymous),
    event(eventType.query, 120, query('create table u (a int)')),
  ]);
  expect(records.flatMap((record) => (record.kind === 'commit' ? [record.end] : []))).toEqual([
    at(1, span + 20),
    at(1, span + 120),
  ]);
});

test('what comes from the head of a file before the place is no step back', () => {
  const reader = synthetic(5_000);
  readAll(reader, [rotate('binlog.000001', 4n, 0), event(eventType.heartbeat, 157, Buffer.from('binlog.000001'))]);
  expect(reader.boundary).toBe(at(1, 5_000));
  readAll(reader, [event(eventType.heartbeat, 6_000, Buffer.from('binlog.000001'))]);
  expect(reader.boundary).toBe(at(1, 6_000));
  readAll(reader, [rotate('binlog.000002', 4n, 7), rotate('binlog.000002', 4n, 0)]);
  expect(reader.boundary).toBe(at(2, 4));
  const older = [
    rotate('binlog.000001', 4n, 0),
    event(eventType.anonymousGtid, 7_000, anonymous),
    event(eventType.query, 7_100, query('create table t (a int)')),
  ];
  expect(readAll(reader, older).code).toBe('TEAL-SYSTEMS-321');
  expect(reader.boundary).toBe(at(2, 4));
});

test.each([
  ['insert into t values (1)', 'TEAL-SYSTEMS-322'],
  ['delete from `s`.`t`', 'TEAL-SYSTEMS-322'],
  ['delete from `mysql`.`t`', undefined],
  [`xa commit 'x'`, 'TEAL-SYSTEMS-324'],
  [`xa rollback 'x'`, undefined],
  ['flush tables', undefined],
])('“%s” in the log', (sql, code) => {
  const seen = readAll(synthetic(100), [
    event(eventType.anonymousGtid, 120, anonymous),
    event(eventType.query, 150, query(sql)),
  ]);
  expect([seen.code, seen.records]).toEqual([code, []]);
});

test.each([
  [eventType.incident, 'TEAL-SYSTEMS-323'],
  [eventType.gtidTagged, 'TEAL-SYSTEMS-324'],
  [eventType.partialUpdateRows, 'TEAL-SYSTEMS-324'],
  [eventType.xaPrepare, 'TEAL-SYSTEMS-324'],
  [eventType.beginLoadQuery, 'TEAL-SYSTEMS-322'],
  [eventType.startEncryption, 'TEAL-SYSTEMS-324'],
  [99, 'TEAL-SYSTEMS-324'],
  [eventType.userVariable, undefined],
])('event %i', (type, code) => {
  expect(readAll(synthetic(100), [event(type, 150, Buffer.alloc(8))]).code).toBe(code);
});

test('names in small letters are those that statements mean, where the server keeps them so', () => {
  const from = at(1, 100);
  const isWanted = ({ schema, name }: { readonly schema: string; readonly name: string }): boolean =>
    schema === 's' && name === 't';
  const log = [
    event(eventType.anonymousGtid, 120, anonymous),
    event(eventType.query, 150, query('ALTER TABLE S.T add a int')),
  ];
  for (const lowersNames of [true, false]) {
    const reader = new RecordReader({ flavour: 'mysql', checksum: 'none', from, isWanted, lowersNames });
    expect(readAll(reader, log).records).toHaveLength(lowersNames ? 3 : 0);
  }
});
