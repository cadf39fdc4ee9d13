import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  copyContract,
  introspectorContract,
  keeperContract,
  schemaContract,
  schemasContract,
  sequencesContract,
  sideContract,
  sinkContract,
  sourceContract,
  type ContractCase,
} from 'teal/testing';
import { longSeries } from '../../test/support/mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { mysqlSchemasWorld } from './test-support/mysql-schemas.ts';
import * as worlds from './test-support/mysql-worlds.ts';

describe.for(longSeries)('$series', ({ series, tested }) => {
  let servers: worlds.MysqlPair;
  beforeAll(async () => {
    if (tested) servers = { blue: await startMysql({ series }), green: await startMysql({ series }) };
  });
  afterAll(async () => {
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  const run = (what: string, cases: readonly ContractCase[]): void => {
    describe.skipIf(!tested)(what, () => {
      for (const { name, run: keep } of cases) test(name, keep);
    });
  };

  run(
    'as a source',
    sourceContract(async () => worlds.mysqlSourceWorld(servers.blue)),
  );
  run(
    'as a source that triggers record',
    // TRUNCATE ends it: source.mysql.test.ts of the trigger source.
    sourceContract(async () => worlds.mysqlTriggerSourceWorld(servers.blue)).filter(
      ({ name }) => !name.includes('emptied in one act'),
    ),
  );
  run(
    'as a source that is polled',
    // It has a table without a key, which cannot be polled.
    sourceContract(async () => worlds.mysqlPolledSourceWorld(servers.blue), 'rows').filter(
      ({ name }) => !name.startsWith('records are whole transactions'),
    ),
  );
  run(
    'as a sink',
    sinkContract(async () => worlds.mysqlSinkWorld(servers.blue)),
  );
  run(
    'as a side',
    sideContract(async () => worlds.mysqlSideWorld(servers.blue)),
  );
  run(
    'as it is inspected',
    introspectorContract(async () => worlds.mysqlIntrospectorWorld(servers.blue)),
  );
  run(
    'as it keeps snapshots',
    keeperContract(async () => worlds.mysqlKeeperWorld(servers)),
  );
  run(
    'as their schemas are compared',
    schemasContract(async () => mysqlSchemasWorld(servers)),
  );
  run(
    'at both ends of a copy',
    copyContract(async () => worlds.mysqlCopyWorld(servers)),
  );
  run(
    'with its generators of numbers',
    sequencesContract(async () => worlds.mysqlSequencesWorld(servers)),
  );
  run(
    'with its schema',
    schemaContract(async () => worlds.mysqlSchemaWorld(servers)),
  );
});
