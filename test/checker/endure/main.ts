import { writeFile } from 'node:fs/promises';
import { useCompileCache } from '../../../src/app/compile-cache.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { endure } from './endure.ts';
import { seriesTable } from './table.ts';

// As the command does.
useCompileCache(process.env);

/** `make endure MINUTES=60 EVERY=60`: load through the proxy all the time and a switch every minute; exit code 1 when anything grows, is lost, fails or stays. */
const minutes = Number(process.env['MINUTES'] ?? 60);
const every = Number(process.env['EVERY'] ?? 60);
const majors = [
  asPostgresMajor(process.env['TEAL_BLUE'] ?? 14),
  asPostgresMajor(process.env['TEAL_GREEN'] ?? 18),
] as const;
const write = (line: string): void => void process.stdout.write(`${line}\n`);

write(`PostgreSQL ${majors[0]} to ${majors[1]}, ${minutes} min, a switch every ${every} s`);
const { samples, bounds, steadyFromUs, switches, givenUp, load, violations } = await endure({
  majors,
  minutes,
  everyMs: every * 1_000,
  sampleMs: 5_000,
  say: write,
});
write(`\n${seriesTable(samples, bounds, steadyFromUs)}\n`);
write(
  `An hour: least squares through the lowest samples of twelve windows, after the first ${Math.min(minutes / 2, 15)} min, in which a young process grows.`,
);
if (minutes < 60)
  write(
    `Bounds are of the growth in all: over ${minutes} min the same growth is a steeper slope an hour than over an hour.`,
  );
const pauses = switches.map(({ pauseMs }) => pauseMs ?? 0).toSorted((a, b) => a - b);
write(
  `${switches.length} switches, ${givenUp.length} given up, clients waited ${pauses[Math.floor(pauses.length / 2)] ?? 0} ms in the middle one and ${pauses.at(-1) ?? 0} ms at most`,
);
write(
  `${load.transactions} transactions of ${load.connections} connections, ${load.failed} failures, the longest transaction took ${load.longestMs} ms`,
);
const file = process.env['SAMPLES'];
if (file !== undefined) await writeFile(file, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
for (const violation of violations) write(`BAD  ${violation}`);
write(`${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;
