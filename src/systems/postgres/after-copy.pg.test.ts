import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import type { StepContext } from '../../ports/step.ts';
import { analyseStep, refreshStep } from './after-copy.ts';
import { createIntrospector } from './inspect/introspector.ts';
import { KeptSession } from './kept-session.ts';

const context: StepContext = {
  signal: new AbortController().signal,
  progress: () => undefined,
  facts: () => undefined,
  before: undefined,
};

test.each([blueMajor(), greenMajor()])(
  'statistics and materialized views are there afterwards on PostgreSQL %i',
  async (major) => {
    await using database = await testDatabase(major);
    await database.query(`
    create table "odd ""name""" (id int);
    insert into "odd ""name""" select generate_series(1, 100);
    create table parts (id int) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (100);
    create materialized view first as select count(*) as n from "odd ""name""";
    create materialized view a_second as select n + 1 as n from first;
    create materialized view never as select 1 with no data`);
    await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
    const catalog = await session.use(async (connection) => createIntrospector(connection).describe());
    // As a schema that was restored without data.
    await database.query(
      'refresh materialized view first with no data; refresh materialized view a_second with no data',
    );
    const options = { url: database.url, session, workers: 2 };
    for (const step of [analyseStep(options, catalog.tables), refreshStep(options, catalog.materializedViews)]) {
      expect((await step.probe(context)).state).toBe('not done');
      await step.act(context);
      expect((await step.probe(context)).state).toBe('done');
      await step.act(context);
    }
    expect(await database.query('select n from a_second')).toEqual([{ n: '101' }]);
    expect(await database.query(`select ispopulated from pg_matviews where matviewname = 'never'`)).toEqual([
      { ispopulated: 'f' },
    ]);
  },
);
