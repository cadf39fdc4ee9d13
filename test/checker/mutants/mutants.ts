import type { Mutant } from './mutant.ts';

/** The bugs that the checker must find: the nine of correctness.md §8, and one more. What each one is shown with is in `trials.ts`. */
export const mutants: readonly Mutant[] = [
  {
    name: 'order by BEGIN LSN',
    does: 'a transaction’s position is where its first change was written, not where its commit ends: one that began early and committed late counts as applied already (pgcopydb #1044)',
    edits: [
      {
        file: 'src/systems/postgres/source.ts',
        find: `      this.#takePayload(bytes.subarray(from + frameHeaderBytes + dataHeaderBytes, to));`,
        replace: `      const payload = bytes.subarray(from + frameHeaderBytes + dataHeaderBytes, to);
      if (payload[0] === 0x42) payload.writeBigUInt64BE(bytes.readBigUInt64BE(from + frameHeaderBytes + 1), 1);
      this.#takePayload(payload);`,
      },
      {
        file: 'src/sync/applier.ts',
        find: `        return this.#takeCommit(event.end);`,
        replace: `        return this.#takeCommit(this.#current().commitsAt);`,
      },
    ],
  },
  {
    name: 'ack before flush',
    does: 'what was written to the spool is acknowledged to the source though no sync has made it durable',
    edits: [
      {
        file: 'src/sync/spool-writer.ts',
        find: `    failpoint('sync.spool.before-sync');
    await this.#makeDurable(segment);`,
        replace: `    failpoint('sync.spool.before-sync');`,
      },
    ],
  },
  {
    name: 'watermark rule',
    does: 'the copy is taken to hold all that the log had when its position was asked for, a moment after the snapshot: what committed between is in neither. Teal’s own rule has no such moment, as the slot gives position and snapshot in one',
    edits: [
      {
        file: 'src/systems/postgres/snapshot.ts',
        find: `    const kept = opened.move();`,
        replace: `    await using marker = await connect({ url: options.url, applicationName: 'teal', signal });
    const { rows } = await marker.query('select pg_current_wal_insert_lsn()::text as mark');
    const kept = opened.move();`,
      },
      {
        file: 'src/systems/postgres/snapshot.ts',
        find: `      snapshot: slot.consistentPoint,`,
        replace: `      snapshot: positionOfLsnText(rows[0]?.['mark'] ?? ''),`,
      },
      {
        file: 'src/systems/postgres/snapshot.ts',
        find: `import { createSlot, dropSlot, slotStatus } from './slot.ts';`,
        replace: `import { createSlot, dropSlot, slotStatus } from './slot.ts';
import { positionOfLsnText } from './position.ts';`,
      },
    ],
  },
  {
    name: 'XOR hash',
    does: 'a comparison folds the hashes of rows with XOR: two equal rows cancel, and so do any other two',
    edits: [
      {
        file: 'src/systems/postgres/digest/row-hash.ts',
        find: 'sum(${h0}) as s0, sum(${h1}) as s1',
        replace: 'bit_xor(${h0}) as s0, bit_xor(${h1}) as s1',
      },
      {
        file: 'src/verify/sums.ts',
        find: `      this.#plus(at + 1, sums[0]);
      this.#plus(at + 2, sums[1]);`,
        replace: `      this.#all[at + 1] = (this.#all[at + 1] ?? 0n) ^ sums[0];
      this.#all[at + 2] = (this.#all[at + 2] ?? 0n) ^ sums[1];`,
      },
      {
        file: 'src/verify/sums.ts',
        find: `(sums[at % perBucket] ?? 0n) + sum)`,
        replace: `at % perBucket === 0 ? (sums[0] ?? 0n) + sum : (sums[at % perBucket] ?? 0n) ^ BigInt.asUintN(64, sum))`,
      },
    ],
  },
  {
    name: 'position before fence',
    does: 'the token is written before the tables are closed: what commits between comes after it in the log, where nobody waits for it any more (Vitess #16563)',
    edits: [
      {
        file: 'src/systems/postgres/fence.ts',
        find: `      await connection.transaction(async () => {
        await connection.query(
          \`set local lock_timeout = \${options.lockTimeoutMs};`,
        replace: `      await writeToken(connection, options.token, 'fence', options.cut, options.epoch);
      await connection.transaction(async () => {
        await connection.query(
          \`set local lock_timeout = \${options.lockTimeoutMs};`,
      },
      {
        file: 'src/systems/postgres/fence.ts',
        find: `
        await writeToken(connection, options.token, 'fence', options.cut, options.epoch);`,
        replace: '',
      },
    ],
  },
  {
    name: 'skip sequence step',
    does: 'a cut leaves the sequences of the gaining side where they are: numbers are given twice (pgstream #1203)',
    edits: [
      {
        file: 'src/stages/cutover/cut-steps.ts',
        find: `
    ...sequencesSteps(cut, ports, clock),`,
        replace: '',
      },
    ],
  },
  {
    name: 'apply without origin',
    does: 'the flow back does not mark what it writes on blue as Teal’s own: it looks like a client’s, and comes back',
    edits: [
      {
        file: 'src/systems/postgres/sink/sink.ts',
        find: `    await setUpOrigin(connection, \`teal_\${options.stream}\`);`,
        replace: `    if (!options.stream.endsWith('_rev')) await setUpOrigin(connection, \`teal_\${options.stream}\`);`,
      },
      {
        file: 'src/systems/postgres/sink/sink.ts',
        find: `      ask(markOrigin, [lsnTextIfAny(commit.applied), at]),`,
        replace: `      ...(this.#stream.endsWith('_rev') ? [] : [ask(markOrigin, [lsnTextIfAny(commit.applied), at])]),`,
      },
    ],
  },
  {
    name: 'drop TOAST as NULL',
    does: 'a large value that the log leaves out, as it did not change, becomes NULL',
    edits: [
      {
        file: 'src/wire/postgres/pgoutput.ts',
        find: `    case letter.unchanged:
      places[at] = places[at + 1] = notSentMark;`,
        replace: `    case letter.unchanged:
      places[at] = places[at + 1] = nullMark;`,
      },
    ],
  },
  {
    name: 'ignore rowcount',
    does: 'an update or delete that meets no row of the target passes for done',
    edits: [
      {
        file: 'src/systems/postgres/sink/sink.ts',
        find: `  if (rows === undefined || rows === answer.count) return;`,
        replace: `  if (rows !== -1) return;`,
      },
    ],
  },
  {
    name: 'decide before token',
    does: 'a cut does not wait for the token on the gaining side: it decides while the last changes are still under way, and they come over what clients write there',
    edits: [
      {
        file: 'src/stages/cutover/cut-steps.ts',
        find: `    (await ports.fences[cut.to].written(signal)).tokens.includes(token.name);`,
        replace: `    !signal.aborted;`,
      },
    ],
  },
];
