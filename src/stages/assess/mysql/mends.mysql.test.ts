import { describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { connect } from '../../../systems/mysql/connection.ts';
import { createIntrospector } from '../../../systems/mysql/inspect/introspector.ts';
import { isKnownType } from '../../../systems/mysql/inspect/known-type.ts';
import { readsCharacterSet } from '../../../systems/mysql/values/charset.ts';
import { startInspected, type Inspected } from '../../../systems/mysql/inspect/test-support/inspected.ts';
import { blockersOf, type Assessment } from '../assess.ts';
import type { Finding } from '../finding.ts';
import { assessMysql } from './assess-mysql.ts';

const spoilt = {
  'binlog-format': 'MIXED',
  'binlog-row-image': 'MINIMAL',
  'binlog-row-metadata': 'MINIMAL',
  'binlog-expire-logs-seconds': '3600',
  'read-only': 'ON',
  'sql-mode': 'NO_ENGINE_SUBSTITUTION',
  'max-connections': '12',
} as const;

const ofFamily = {
  mysql: {
    'binlog-row-value-options': 'PARTIAL_JSON',
    'binlog-order-commits': 'OFF',
    'gtid-mode': 'OFF',
    'enforce-gtid-consistency': 'OFF',
  },
  mariadb: {},
} as const;

async function look({ server }: Inspected): Promise<Assessment> {
  const url = `mysql://mover@127.0.0.1:${server.port}/`;
  await using connection = await connect({ url, applicationName: 'teal-inspect' });
  const introspector = createIntrospector(connection, { database: 'shop' });
  const view = {
    identity: await introspector.identify(),
    catalog: await introspector.describe(),
    facts: await introspector.facts(),
  };
  return assessMysql(view, undefined, { knowsType: isKnownType, readsCharacterSet });
}

/** Statements of a mend; comments are for people. */
function statementsOf({ mend }: Finding): readonly string[] {
  return (mend ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('--'));
}

/** Left out: what would take programs and views away that nothing hinders, or other people's rights. */
const leftAlone = new Set(['ASSESS-MYSQL-PASSES-READ-ONLY', 'ASSESS-TEAL-SCHEMA']);

/** For a person to do, or to know. */
const stay = new Set([
  'ASSESS-MYSQL-CODE',
  'ASSESS-MYSQL-VIEW',
  'ASSESS-MYSQL-EVENT',
  'ASSESS-MYSQL-SEQUENCE',
  'ASSESS-MYSQL-COLLATION',
  ...leftAlone,
]);

describe.for(allSeries)('what an assessment says mends it, $series', ({ series, tested }) => {
  test.skipIf(!tested)('the statements of its findings, run as they stand, leave no blocker', async () => {
    const family = series.startsWith('mysql') ? 'mysql' : 'mariadb';
    await using inspected = await startInspected(series, { ...spoilt, ...ofFamily[family] });
    await inspected.run(`create user mover@'%'`, `grant select on shop.* to mover@'%'`);
    const seen = new Set<string>();
    let last = await look(inspected);
    // The rights that it asks for first show what it could not see before.
    for (let round = 1; round <= 4; round += 1) {
      for (const found of last.findings) {
        seen.add(found.code);
        if (!leftAlone.has(found.code)) await inspected.run(...statementsOf(found));
      }
      last = await look(inspected);
    }
    expect(blockersOf(last).map(({ code, what }) => `${code} ${what}`)).toEqual([]);
    const warnings = last.findings.filter(({ severity }) => severity === 'warning');
    expect(warnings.filter(({ code }) => !stay.has(code)).map(({ code, what }) => `${code} ${what}`)).toEqual([]);
    const common = [
      'LOG-FORMAT',
      'RETENTION',
      'READ-ONLY',
      'SQL-MODE',
      'CONNECTIONS',
      'RIGHT-LOG',
      'RIGHT-LOCK-AT-CUT',
    ].concat(
      ['RIGHT-READ-ONLY', 'RIGHT-TEAL', 'RIGHT-WRITE', 'RIGHT-TRIGGER', 'RIGHT-EVENT', 'RIGHT-SESSIONS', 'ENGINE'],
      ['TRIGGER', 'CASCADE', 'NO-KEY', 'EVENT', 'CODE', 'VIEW'],
      family === 'mysql' ? ['GTID', 'COMMIT-ORDER', 'CHECK-OFF'] : ['VERSIONED', 'COMPRESSED', 'SEQUENCE'],
    );
    expect(common.filter((word) => !seen.has(`ASSESS-MYSQL-${word}`))).toEqual([]);
  });
});
