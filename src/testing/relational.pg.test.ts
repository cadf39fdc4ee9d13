import { describe, test } from 'vitest';
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
import { blueMajor, greenMajor } from '../../test/support/postgres.ts';
import { postgresSchemasWorld } from './test-support/postgres-schemas.ts';
import * as worlds from './test-support/postgres-worlds.ts';

function run(what: string, cases: readonly ContractCase[]): void {
  describe(what, () => {
    for (const { name, run: keep } of cases) test(name, keep);
  });
}

const [blue, green] = [blueMajor(), greenMajor()];

describe.each([blue, green])('PostgreSQL %i', (major) => {
  run(
    'as a source',
    sourceContract(async () => worlds.postgresSourceWorld(major)),
  );
  run(
    'as a source by triggers',
    sourceContract(async () => worlds.triggerSourceWorld(major)),
  );
  run(
    'as a source by polls',
    sourceContract(async () => worlds.polledSourceWorld(major), 'rows'),
  );
  run(
    'as a sink',
    sinkContract(async () => worlds.postgresSinkWorld(major)),
  );
  run(
    'as a side',
    sideContract(async () => worlds.postgresSideWorld(major)),
  );
  run(
    'as it is inspected',
    introspectorContract(async () => worlds.postgresIntrospectorWorld(major)),
  );
});

describe(`PostgreSQL ${blue} and ${green}`, () => {
  run(
    'as it keeps snapshots',
    keeperContract(async () => worlds.postgresKeeperWorld(blue, green)),
  );
  run(
    'as their schemas are compared',
    schemasContract(async () => postgresSchemasWorld(blue, green)),
  );
  run(
    'at both ends of a copy',
    copyContract(async () => worlds.postgresCopyWorld(blue, green)),
  );
  run(
    'with their sequences',
    sequencesContract(async () => worlds.postgresSequencesWorld(blue, green)),
  );
  run(
    'with their schema',
    schemaContract(async () => worlds.postgresSchemaWorld(blue, green)),
  );
});
