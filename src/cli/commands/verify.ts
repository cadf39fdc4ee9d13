import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Verification } from '../../app/comparison.ts';
import type { Migration } from '../../app/migration.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { explain, longOptions } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../print.ts';
import { renderVerified, type Verified } from '../render-verified.ts';
import { underMigration, type MigrationArguments } from '../run-migration.ts';

interface VerifyArguments extends MigrationArguments {
  readonly fix: boolean;
  readonly out?: string;
}

export function verifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .summary('compare both sides at one position, and keep the certificate')
    .description(
      'Compares every row of every table at one position of the live side while writes go on. Tells what differs by table, key and column, and why, probably; and prints the SQL that would make the other side equal to the live one.',
    )
    .option('--fix', 'repair the side that is not live, then compare again', false)
    .option('--out <path>', "write the repair's SQL there (mode 0600) in place of printing it")
    .action(async (given: VerifyArguments) => {
      await underMigration(
        'verify',
        given,
        async (migration) => verify(migration, given),
        (verified) => tell(verified, given.json),
      );
    });
  explain(longOptions(command), {
    exits: { 0: 'both sides are equal', 3: 'they differ', 130: 'interrupted' },
    examples: [
      ['teal verify', 'compares, and keeps the certificate under the state folder'],
      ['teal verify --out repair.sql', 'writes the statements that would make the other side equal'],
    ],
  });
}

async function verify(migration: Migration, { fix, out }: VerifyArguments): Promise<Verified> {
  const first = await migration.verify(true);
  if (first.verified.equal) return { verification: first, sql: [] };
  const sql = await scriptOf(migration, first);
  if (out !== undefined && sql !== undefined) writeSecretly(out, sql);
  const script = { sql: sql ?? [], tooMany: sql === undefined, ...(out === undefined ? {} : { out }) };
  if (!fix) return { verification: first, ...script };
  const repaired = await migration.repair(first);
  return { verification: first, ...script, repaired, after: await migration.verify(true) };
}

/** Undefined when more rows differ than are kept: there is then no script, and the counts tell why. */
async function scriptOf(migration: Migration, found: Verification): Promise<readonly string[] | undefined> {
  try {
    return await migration.repairScript(found);
  } catch (error) {
    if (isTealError(error, 'TEAL-VERIFY-006')) return undefined;
    throw error;
  }
}

/** It holds rows' values: for its owner alone, and never over a file that others can read already. */
function writeSecretly(path: string, sql: readonly string[]): void {
  try {
    writeFileSync(path, `${sql.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new TealError('TEAL-CLI-002', `${path} was not written`, { path }, error);
  }
}

function tell(verified: Verified, json: boolean): void {
  const { verification, after } = verified;
  const last = after ?? verification;
  if (json) {
    const { sql, repaired, out } = verified;
    printJson({
      equal: last.verified.equal,
      live: last.live,
      certificate: last.file,
      ...(repaired === undefined ? {} : { repaired }),
      tables: verification.tables,
      sql,
      ...(out === undefined ? {} : { out }),
    });
  } else {
    print(renderVerified(verified));
  }
  if (!last.verified.equal) process.exitCode = exitCodes.no;
}
