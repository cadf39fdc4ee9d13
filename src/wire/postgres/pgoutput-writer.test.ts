import { expect, test } from 'vitest';
import { PackedValues } from '../../kernel/packed-values.ts';
import { decodePgoutput } from './pgoutput.ts';
import {
  writeBegin,
  writeCommit,
  writeDelete,
  writeInsert,
  writeMessage,
  writeOrigin,
  writePut,
  writeRelation,
  writeTruncate,
  writeUpdate,
} from './pgoutput-writer.ts';

const values = (row: unknown) =>
  row instanceof PackedValues ? row.toArray().map((cell) => cell?.toString() ?? null) : row;

test('what is written reads back', () => {
  const committedAtUs = 1_700_000_000_123_456n;
  expect(decodePgoutput(writeBegin(41n, committedAtUs, 4_000_000_000))).toEqual({
    kind: 'begin',
    final: 41n,
    committedAtUs,
    xid: 4_000_000_000,
  });
  expect(decodePgoutput(writeCommit(41n, 42n, committedAtUs))).toEqual({ kind: 'commit', end: 42n, committedAtUs });
  expect(decodePgoutput(writeOrigin('teal_é'))).toEqual({ kind: 'origin', name: 'teal_é' });
  const relation = {
    id: 4_000_000_000,
    schema: 'público',
    name: 'a "t"',
    replicaIdentity: 'full',
    columns: [
      { name: 'id', typeOid: 20, typeModifier: -1, key: true },
      { name: 'v', typeOid: 1043, typeModifier: 14, key: false },
    ],
  } as const;
  expect(decodePgoutput(writeRelation(relation))).toEqual({ kind: 'relation', ...relation });
  expect(decodePgoutput(writeTruncate([1, 2]))).toEqual({
    kind: 'truncate',
    relationIds: [1, 2],
    cascade: false,
    restartIdentity: false,
  });
  expect(decodePgoutput(writeMessage(7n, 'teal.ddl', '{"é":1}'))).toEqual({
    kind: 'message',
    transactional: true,
    position: 7n,
    prefix: 'teal.ddl',
    content: Buffer.from('{"é":1}'),
  });
});

test('rows read back, NULL and the empty text apart', () => {
  const row = ['1', '', null, 'é'];
  const insert = decodePgoutput(writeInsert(5, row));
  expect(insert.kind === 'insert' && [insert.relationId, values(insert.row)]).toEqual([5, row]);
  const put = decodePgoutput(writePut(5, row));
  expect(put.kind === 'put' && [put.relationId, values(put.row)]).toEqual([5, row]);
  const update = decodePgoutput(writeUpdate(5, [null, 'x'], ['', 'y']));
  expect(update.kind === 'update' && [update.old?.kind, values(update.old?.values), values(update.row)]).toEqual([
    'full',
    [null, 'x'],
    ['', 'y'],
  ]);
  const short = decodePgoutput(writeUpdate(5, undefined, ['1']));
  expect(short.kind === 'update' && [short.old, values(short.row)]).toEqual([undefined, ['1']]);
  const gone = decodePgoutput(writeDelete(5, row));
  expect(gone.kind === 'delete' && [gone.old.kind, values(gone.old.values)]).toEqual(['full', row]);
});
