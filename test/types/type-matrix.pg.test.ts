import { test } from 'vitest';
import { compareWithPage } from './compare-with-page.ts';
import { observeTypes } from './matrix.ts';
import { postgresPair } from './postgres-pair.ts';
import { postgresCases, typesPrelude } from './postgres-types.ts';

const title = 'PostgreSQL 14 → PostgreSQL 18';

test(`every value of every type, ${title}: what the page says`, { timeout: 600_000 }, async () => {
  await using pair = await postgresPair(14, 18, typesPrelude);
  compareWithPage(title, await observeTypes(pair, postgresCases));
});
