import { describe, expect, test } from 'vitest';
import { SessionPins } from './session-pins.ts';
import { readWords } from './statement-words.ts';

function pinsAfter(...texts: readonly (string | { readonly failed: string })[]): readonly string[] {
  const pins = new SessionPins();
  for (const text of texts) {
    const sql = typeof text === 'string' ? text : text.failed;
    pins.note(readWords(sql), Buffer.from(sql), typeof text !== 'string');
  }
  return pins.reasons;
}

describe('what a statement says about its session', () => {
  test.each([
    ['select 1', []],
    ['set @a = 1, @B := @c', ['a', 'b', 'c']],
    ['select @`odd ``name`, @\'x y\', @"z"', ['odd `name', 'x y', 'z']],
    ['select @@sql_mode, @@session.time_zone', []],
  ])('user variables of %s', (sql, names) => {
    expect(readWords(sql).userVariables).toEqual(names);
  });

  test.each([
    ['KILL 5', 5],
    ['/* x */ kill query 77;', 77],
    ['kill hard connection 8 ;', 8],
    ['select 1; kill 5', undefined],
    ['kill user somebody', undefined],
    [`select 'kill 5'`, undefined],
  ])('whom %s ends', (sql, connectionId) => {
    const { kill } = readWords(sql);
    expect(kill?.connectionId).toBe(connectionId);
    if (kill !== undefined) expect(sql.slice(kill.from, kill.to)).toBe(String(connectionId));
  });

  test.each([
    ['select last_insert_id(7)', true],
    ['call p()', true],
    [`select get_lock('a', 1)`, true],
    ['set session_track_schema = off', true],
    ['insert into t values (1)', false],
    ['select calls from t', false],
  ])('whether %s changes what no server tells', (sql, changes) => {
    expect(readWords(sql).changes).toBe(changes);
  });
});

describe('what binds a session to its backend', () => {
  test.each([
    [['create temporary table a (i int)'], ['temporary table']],
    [['CREATE OR REPLACE TEMPORARY TABLE IF NOT EXISTS `shop`.`a` AS SELECT 1', 'drop table x, shop . a'], []],
    [['create temporary table a (i int)', { failed: 'drop table a' }], ['temporary table']],
    [['create temporary table a (i int)', 'drop temporary table if exists b'], ['temporary table']],
    [['select get_lock(?, 1)'], ['user lock (GET_LOCK)']],
    [['select get_lock(?, 1)', 'do release_lock(?)'], []],
    [['select get_lock(?, 1)', 'select get_lock(?, 1)', 'do release_all_locks()'], []],
    [['flush tables with read lock'], ['lock of the whole server or of a backup']],
    [['flush tables with read lock', 'unlock tables'], []],
    [['lock instance for backup', { failed: 'unlock instance' }], ['lock of the whole server or of a backup']],
    [['handler t open'], ['open HANDLER']],
    [[`xa start 'x'`, `xa commit 'x'`], []],
    [['prepare p from @text'], ['statement prepared in SQL from a variable']],
    [[`prepare p from 'select 1'; do 1`], ['statement prepared in SQL from a variable']],
    [[{ failed: 'prepare p from @text' }], []],
    [['prepare p from @text', 'deallocate prepare p'], []],
  ] as const)('after %j', (texts, reasons) => {
    expect(pinsAfter(...texts)).toEqual(reasons);
  });

  test('a statement prepared from a literal can be prepared again', () => {
    const pins = new SessionPins();
    const sql = `PREPARE \`p q\` FROM 'select ''a'', "b\\'"' ;`;
    pins.note(readWords(sql), Buffer.from(sql), false);
    expect(pins.reasons).toEqual([]);
    expect(pins.sqlPrepared.map(({ sql: text }) => text.toString())).toEqual([sql]);
    pins.reset();
    expect(pins.sqlPrepared).toEqual([]);
  });

  test('more than is followed is told', () => {
    const pins = new SessionPins();
    for (let at = 0; at <= 1_000; at += 1) pins.note(readWords(`set @v${at} = 1`), undefined, false);
    expect(pins.reasons).toEqual(['more user variables, locks or temporary tables than are followed']);
  });
});
