import { expect, test } from 'vitest';
import { describeError } from '../src/kernel/errors.ts';
import { asPostgresMajor } from '../tools/servers/install-postgres.ts';
import { copy } from './copy.ts';
import { judge, runRounds, spreadsOf } from './rounds.ts';

/** Says that figures come out, never how large they are. A peer that cannot be had here is left out, as in a run. */
test('a tiny copy is measured beside its limit', async () => {
  const variant = copy.variants.find(({ name }) => name === 'no key');
  const settings = { rounds: 1, scale: 0.001, blueMajor: asPostgresMajor(14), greenMajor: asPostgresMajor(18) };
  await using arena = await variant?.open(settings);
  const measured =
    arena === undefined ? [] : await runRounds(arena, { rounds: 1, describeError, tell: () => undefined });
  for (const name of ['Teal', 'raw pipes']) {
    const found = measured.find(({ contender }) => contender === name);
    expect(found).toMatchObject({ contender: name, readings: [expect.anything()] });
    expect(found).not.toHaveProperty('failed');
    expect(spreadsOf(found?.readings ?? [])).toMatchObject({
      seconds: expect.anything(),
      'MB/s moved': expect.anything(),
    });
  }
  const verdicts = variant?.targets
    .filter(({ against }) => against === 'raw pipes')
    .map((each) => judge(each, measured));
  expect(verdicts?.map(({ value }) => typeof value)).toEqual(['number', 'number']);
});
