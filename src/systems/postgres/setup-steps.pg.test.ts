import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import type { Step, StepContext, StepFacts } from '../../ports/step.ts';
import { ddlNotesStep } from './ddl-notes.ts';
import { PostgresFence } from './fence.ts';
import { identityStep } from './identity.ts';
import { createIntrospector } from './inspect/introspector.ts';
import { KeptSession } from './kept-session.ts';
import { publicationStep } from './publication.ts';
import { bareSlotStep, fenceStep, tealSchemaStep } from './setup-steps.ts';
import { recorderStep } from './trigger-source/recorder.ts';

const schema = `
  create table keyed (id int primary key);
  create table keyless (note text);
  create table "odd ""name""" (note text);
  alter table "odd ""name""" replica identity nothing;
  create unlogged table scratch (id int primary key);
  create table parts (id int primary key) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (10)`;

function contextOf(before?: StepFacts): StepContext {
  return { signal: new AbortController().signal, progress: () => undefined, facts: () => undefined, before };
}

/** Every step: act, act again, undo, undo again, act. The probe must follow. */
async function threeTimes(step: Step): Promise<void> {
  expect((await step.probe(contextOf())).state, step.id).not.toBe('done');
  const before = await step.remember?.(contextOf());
  for (const round of [1, 2]) {
    await step.act(contextOf(before));
    expect((await step.probe(contextOf(before))).state, `${step.id}, round ${round}`).toBe('done');
  }
  for (const _ of [1, 2]) await step.undo(contextOf(before));
  expect((await step.probe(contextOf(before))).state, `${step.id}, undone`).toBe('not done');
  await step.act(contextOf(before));
}

test.each([blueMajor(), greenMajor()])(
  'each step on PostgreSQL %i can be repeated, undone and done again',
  async (major) => {
    await using database = await testDatabase(major);
    await database.query(schema);
    await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
    const { tables } = await session.use(async (connection) => createIntrospector(connection).describe());
    const slot = `${database.name}_back`;
    const fence = new PostgresFence(session, tables);
    const steps = [
      tealSchemaStep('blue', session, []),
      identityStep('blue', session, tables),
      publicationStep('blue', session, 'teal_test_fwd', tables),
      ddlNotesStep('blue', session, 'teal_test_fwd'),
      recorderStep('blue', session, tables),
      fenceStep('blue', fence, false, tables.length),
      bareSlotStep({ side: 'blue', url: database.url, slot, failover: false }, session),
    ];
    for (const step of steps) await threeTimes(step);
    expect(await database.query(`select tablename from pg_publication_tables order by 1`)).toEqual(
      ['cut', 'heartbeat', 'keyed', 'keyless', 'odd "name"', 'owner', 'parts_1'].map((tablename) => ({ tablename })),
    );
    await database.query(`insert into keyless values ('x'); update keyless set note = 'y'; delete from keyless`);
    for (const step of steps.toReversed()) await step.undo(contextOf());
  },
);

test('identities come back as they were', async () => {
  await using database = await testDatabase(blueMajor());
  await database.query(schema);
  await using session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  const { tables } = await session.use(async (connection) => createIntrospector(connection).describe());
  const settings = `select relname, relreplident from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`;
  const was = await database.query(settings);
  const step = identityStep('blue', session, tables);
  const before = await step.remember?.(contextOf());
  await step.act(contextOf(before));
  expect(await database.query(settings)).not.toEqual(was);
  await step.undo(contextOf(before));
  expect(await database.query(settings)).toEqual(was);
});

test.each([blueMajor(), greenMajor()])(
  'a role that may make no event triggers on PostgreSQL %i: written down, and no obstacle',
  async (major) => {
    await using database = await testDatabase(major);
    const role = `${database.name}_role`;
    await database.query(
      `create role ${role} login password 'p'; grant create on database ${database.name} to ${role}`,
    );
    try {
      const url = new URL(database.url);
      url.username = role;
      url.password = 'p';
      await using session = new KeptSession({ url: url.href, applicationName: 'teal-test' });
      await tealSchemaStep('blue', session, []).act(contextOf());
      const step = ddlNotesStep('blue', session, 'teal_test_fwd');
      await threeTimes(step);
      expect(await step.probe(contextOf())).toEqual({
        state: 'done',
        evidence: 'event triggers are not allowed here: both schemas are compared instead',
      });
      expect(await database.query('select from pg_event_trigger')).toEqual([]);
    } finally {
      await database.query(`drop owned by ${role} cascade; drop role ${role}`);
    }
  },
);
