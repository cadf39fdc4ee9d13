import { expect, test } from 'vitest';
import { asPostgresMajor } from '../../tools/servers/install-postgres.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { Life } from '../support/whole-life.ts';
import { rowsOf, schemaOf, writeAs } from './majors-schema.ts';
import { execute } from '../../tools/servers/with-client.ts';

/** `14-15,15-16`: pairs of majors; by default the pair of the version matrix. */
const pairs = (process.env['TEAL_PAIRS'] ?? `${blueMajor()}-${greenMajor()}`)
  .split(/[,\s]+/)
  .filter((pair) => pair !== '')
  .map((pair) => pair.split('-').map(asPostgresMajor));

test.each(pairs)('what %i knows moves to %i, back, and there again', async (from = blueMajor(), to = greenMajor()) => {
  await using blue = await ownServer(from);
  await using green = await ownServer(to);
  await execute(blue.url, schemaOf(from));
  await using life = await Life.begin({
    name: 'majors',
    blueUrl: blue.url,
    greenUrl: green.url,
    tools: await pgTools(from, to),
  });
  const report = await life.live(async (url, turn) => execute(url, writeAs(from, turn)));
  expect(report.pausesMs).toHaveLength(3);
  expect(await rowsOf(green.url, from)).toEqual(await rowsOf(blue.url, from));
});
