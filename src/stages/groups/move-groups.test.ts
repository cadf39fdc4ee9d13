import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openJournal, type Journal } from '../../journal/journal.ts';
import { runStarted } from '../../journal/test-support/events.ts';
import { isTealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { GroupOffset } from '../../ports/groups.ts';
import { groupPlaces } from './group-places.ts';
import type { GroupPorts } from './group-steps.ts';
import { moveGroups } from './move-groups.ts';

interface World {
  readonly ports: GroupPorts;
  readonly members: Record<Side, Map<string, number>>;
  readonly at: Record<Side, Map<string, bigint>>;
  readonly done: string[];
  /** How far the mirror has come. */
  mirrored: bigint;
  /** Offsets without a record between the place after the last and the next one, and by how much they grow when a place is given. */
  gap: bigint;
  grows: bigint;
}

/** Two clusters with one partition; an offset of green is that of blue and 100. */
function world(groups: Readonly<Record<string, number>>, obeys = true): World {
  const members = { blue: new Map(Object.entries(groups)), green: new Map<string, number>() };
  const at = { blue: new Map(Object.keys(groups).map((id) => [id, 5n])), green: new Map<string, bigint>() };
  const done: string[] = [];
  const offsets = (offset: bigint | undefined): readonly GroupOffset[] =>
    offset === undefined ? [] : [{ topic: 't', partition: 0, offset, metadata: null }];
  const lag = async (side: Side, id: string) => ({ lag: 0n, members: members[side].get(id) ?? 0 });
  const shift = { blue: 100n, green: -100n };
  const made: World = {
    members,
    at,
    done,
    mirrored: 1_000n,
    gap: 0n,
    grows: 0n,
    ports: {
      isSelected: () => true,
      limits: { patienceMs: 300, mirrorMs: 300, maxLag: 10n },
      desk: {
        stop: async (id, side) => {
          done.push(`stop ${id} ${side}`);
          if (obeys) members[side].delete(id);
        },
        start: async (id, side) => {
          done.push(`start ${id} ${side}`);
          members[side].set(id, 1);
        },
      },
      groups: {
        list: async (side) =>
          [...at[side].keys()].map((id) => ({ id, state: '', members: members[side].get(id) ?? 0, lag: 0n })),
        committed: async (side, id) => offsets(at[side].get(id)),
        translate: async (from, id) => {
          const offset = at[from].get(id) ?? 0n;
          if (offset > made.mirrored) return { offsets: [], behind: offsets(offset) };
          const translated = offsets(offset + shift[from] + made.gap);
          return { offsets: translated.map((it) => ({ ...it, least: it.offset - made.gap })), behind: [] };
        },
        commit: async (to, id, wanted) => {
          done.push(`commit ${id} ${to}`);
          for (const { offset } of wanted) at[to].set(id, offset);
          made.gap += made.grows;
        },
        lag,
      },
    },
  };
  return made;
}

async function journalOf(): Promise<Journal> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-groups-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const journal = openJournal(folder);
  journal.append(runStarted);
  onTestFinished(() => journal[Symbol.dispose]());
  return journal;
}

async function move(to: Side, { ports }: World, journal: Journal, only?: readonly string[]) {
  const signal = new AbortController().signal;
  return moveGroups(to, ports, { journal, signal, onEvent: () => undefined }, only);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no error',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
}

test('groups go to the other side one after the other, back, and again, each time to where they stand then', async () => {
  const clusters = world({ a: 2, b: 1, idle: 0 });
  const journal = await journalOf();
  expect(await move('green', clusters, journal)).toEqual(['a', 'b', 'idle']);
  expect(clusters.done).toEqual([
    'stop a blue',
    'commit a green',
    'start a green',
    'stop b blue',
    'commit b green',
    'start b green',
    'commit idle green',
  ]);
  expect(await move('green', clusters, journal)).toEqual([]);
  clusters.at.green.set('a', 140n);
  expect(await move('blue', clusters, journal, ['a'])).toEqual(['a']);
  expect(clusters.at.blue.get('a')).toBe(40n);
  expect(groupPlaces(journal.state).get('a')).toEqual({ side: 'blue', next: 3 });
  expect(groupPlaces(journal.state).get('b')).toEqual({ side: 'green', next: 2 });
  // Rewound by a person: the place of old on green must not count.
  clusters.at.blue.set('a', 7n);
  expect(await move('green', clusters, journal)).toEqual(['a']);
  expect(clusters.at.green.get('a')).toBe(107n);
});

test('a group that does not leave stops those after it, and its move can be taken back', async () => {
  const clusters = world({ a: 1, b: 1 }, false);
  const journal = await journalOf();
  expect(await codeOf(move('green', clusters, journal))).toBe('TEAL-STAGES-130');
  expect(clusters.done).toEqual(['stop a blue']);
  expect(groupPlaces(journal.state).get('a')).toMatchObject({ side: 'blue', open: { to: 'green', number: 1 } });
  expect(await move('blue', clusters, journal)).toEqual([]);
  expect(clusters.done).toEqual(['stop a blue', 'start a blue']);
  expect(groupPlaces(journal.state).get('a')).toEqual({ side: 'blue', next: 2 });
});

test('a place at the end is the right one also when the mirror has gone on meanwhile', async () => {
  const clusters = world({ a: 1 });
  // The mirror's own commit lies between the end that was given and the record that came then.
  clusters.grows = 1n;
  expect(await move('green', clusters, await journalOf())).toEqual(['a']);
  expect(clusters.done).toEqual(['stop a blue', 'commit a green', 'start a green']);
  expect(clusters.at.green.get('a')).toBe(105n);
});

test('no place is given that the mirror has not come to; with it the same command goes on', async () => {
  const clusters = world({ a: 1 });
  const journal = await journalOf();
  clusters.mirrored = 3n;
  expect(await codeOf(move('green', clusters, journal))).toBe('TEAL-STAGES-131');
  expect(clusters.at.green.size).toBe(0);
  clusters.mirrored = 5n;
  expect(await move('green', clusters, journal)).toEqual(['a']);
  expect(clusters.done).toEqual(['stop a blue', 'commit a green', 'start a green']);
});

test('a move whose place was given is brought to its end before the group goes back', async () => {
  const clusters = world({ a: 1 });
  const journal = await journalOf();
  const lame = {
    ...clusters,
    ports: { ...clusters.ports, desk: { ...clusters.ports.desk, start: async () => undefined } },
  } as World;
  expect(await codeOf(move('green', lame, journal))).toBe('TEAL-STAGES-130');
  expect(groupPlaces(journal.state).get('a')).toMatchObject({ side: 'blue', open: { to: 'green' } });
  expect(await move('blue', clusters, journal)).toEqual(['a']);
  expect(clusters.done).toEqual([
    'stop a blue',
    'commit a green',
    'start a green',
    'stop a green',
    // It stands on blue where it stood: nothing is to be given.
    'start a blue',
  ]);
});

test('a name that no group has is told, with those that there are', async () => {
  expect(await codeOf(move(otherSide('blue'), world({ a: 1 }), await journalOf(), ['b']))).toBe('TEAL-STAGES-132');
});
