import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { TestClock } from './tools/test-clock.ts';
import { LongestFirst } from './tools/test-order.ts';

/**
 * Nothing is tried again but where nobody is at hand to look (CI): there one unlucky moment of a machine that others share must not hide what all other tests say. What
 * was tried again is listed with its first failure, and is to be looked into.
 */
const retry = process.env['CI'] === undefined ? 0 : 1;

/** Where `make test` wants the results as JSON. */
const report = process.env['TEAL_TEST_REPORT'];

/** Tests start Teal's processes by the hundred: each in half the CPU when what the compiler made of the program is kept, as a command keeps it for its own. */
const compiled = process.env['NODE_COMPILE_CACHE'] ?? resolve(import.meta.dirname, '.cache/compile');

/** Files of the long form have `.long` before the suffix of their kind: `make test-mysql`, `test-kafka` and `test-e2e` run them too (`test/support/long.ts`). */
const long = process.env['TEAL_LONG'] === '1' ? [] : ['**/*.long.*.test.ts'];

const everywhere = ['src', 'test', 'tools', 'bench', 'examples', 'demo'].join(',');

/**
 * The suffix of a test file says what it needs: `.test.ts` nothing, `.pg.test.ts` PostgreSQL servers, `.mysql.test.ts` those of the MySQL
 * family, `.kafka.test.ts` Kafka, `.e2e.test.ts` whole migrations. What needs no server runs first; all others are one group, so that no worker is idle at the end of each.
 */
export default defineConfig({
  test: {
    // Of two cores: most tests of servers wait for one another's answers, not for a processor.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', new TestClock(), ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
    env: { NODE_COMPILE_CACHE: compiled },
    globalSetup: ['test/support/server-desk.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`{${everywhere}}/**/*.test.ts`],
          exclude: ['pg', 'mysql', 'kafka', 'e2e'].map((kind) => `**/*.${kind}.test.ts`).concat('**/node_modules/**'),
          // Properties run thousands of times, on machines that do other things too.
          testTimeout: 120_000,
          // Modules are loaded once for all files: nothing here changes what is not its own.
          isolate: false,
          retry,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'pg',
          include: [`{${everywhere}}/**/*.pg.test.ts`],
          testTimeout: 300_000,
          retry,
          hookTimeout: 240_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'mysql',
          include: [`{${everywhere}}/**/*.mysql.test.ts`],
          exclude: [...long, '**/node_modules/**'],
          testTimeout: 300_000,
          retry,
          // The first start of a series on a machine makes its system tables.
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: [`{${everywhere}}/**/*.kafka.test.ts`],
          exclude: [...long, '**/node_modules/**'],
          testTimeout: 300_000,
          retry,
          hookTimeout: 400_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: [`{${everywhere}}/**/*.e2e.test.ts`],
          exclude: [...long, '**/node_modules/**'],
          testTimeout: 600_000,
          retry,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
