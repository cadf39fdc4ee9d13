import { describe, expect, test } from 'vitest';
import { databaseRow, findingsOf, type Seen } from './findings.ts';

const blue = { host: 'old', port: 5432, database: 'shop' };
const green = { host: 'new', port: 5432, database: 'shop' };
const row = { name: 'shop', host: 'old', port: '5432', database: 'shop', pool_mode: null, paused: '0', disabled: '0' };
const config = {
  pool_mode: 'transaction',
  server_login_retry: '1',
  query_wait_timeout: '120',
  max_prepared_statements: '200',
};

function seen(over: Partial<Seen> = {}, settings: Readonly<Record<string, string>> = {}): Seen {
  return {
    database: 'shop',
    maxPauseMs: 3_000,
    places: { blue, green },
    config: new Map(Object.entries({ ...config, ...settings })),
    databases: [databaseRow(row)],
    pools: [{ database: 'shop', user: 'app', pool_mode: 'transaction' }],
    inFile: blue,
    ...over,
  };
}

describe('what a cut through a PgBouncer would stumble over', () => {
  test('nothing, where all is as it should be', () => expect(findingsOf(seen())).toEqual([]));

  test.each<[string, Seen]>([
    ['no database shop of its own', seen({ databases: [] })],
    ['To PgBouncer both sides are old:5432/shop', seen({ places: { blue, green: blue } })],
    [
      'which is neither',
      seen({ databases: [databaseRow({ ...row, host: null })], inFile: { ...blue, host: undefined } }),
    ],
    ['The line of shop in traffic.config leads to new:5432/shop', seen({ inFile: green })],
    ['is disabled', seen({ databases: [databaseRow({ ...row, disabled: '1' })] })],
    ['pools sessions', seen({}, { pool_mode: 'session' })],
    ['pools sessions', seen({ databases: [databaseRow({ ...row, pool_mode: 'session' })] })],
    ['pools sessions', seen({ pools: [{ database: 'shop', user: 'batch', pool_mode: 'session' }] })],
    ['server_login_retry of PgBouncer is 15 s', seen({}, { server_login_retry: '15' })],
    ['query_wait_timeout of PgBouncer is 2 s', seen({}, { query_wait_timeout: '2' })],
  ])('%s stops it', (what, state) => {
    expect(findingsOf(state)).toContainEqual(
      expect.objectContaining({ severity: 'blocker', what: expect.stringContaining(what) }),
    );
  });

  test('the mode of the database counts before that of all', () => {
    const databases = [databaseRow({ ...row, pool_mode: 'transaction' })];
    expect(findingsOf(seen({ databases }, { pool_mode: 'session' }))).toEqual([]);
  });

  test('no limit on waiting is no limit that is too short', () => {
    expect(findingsOf(seen({}, { query_wait_timeout: '0' }))).toEqual([]);
  });

  test('other names of the same database, and statements that it cannot keep, are for a person to weigh', () => {
    const databases = [
      databaseRow(row),
      databaseRow({ ...row, name: 'reports' }),
      databaseRow({ ...row, name: 'x', host: 'y' }),
    ];
    expect(findingsOf(seen({ databases }, { max_prepared_statements: '0' }))).toEqual([
      expect.objectContaining({ severity: 'warning', what: 'max_prepared_statements of PgBouncer is 0.' }),
      expect.objectContaining({ severity: 'warning', what: 'reports of this PgBouncer leads to the same database.' }),
    ]);
  });
});
