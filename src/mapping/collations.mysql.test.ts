import { expect, test } from 'vitest';
import { allSeries } from '../../test/support/mysql.ts';
import { blueMajor, greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { connect } from '../systems/mysql/connection.ts';
import { equalityOf, icuCollationFor, likeIcu } from './collations.ts';

interface Known {
  readonly name: string;
  readonly set: string;
  readonly pad: string | null;
}

const lists = {
  mysql:
    'select collation_name as name, character_set_name as cs, pad_attribute as pad from information_schema.collations',
  mariadb: `select full_collation_name as name, character_set_name as cs, null as pad from information_schema.collation_character_set_applicability`,
};

/** In these languages é is a letter of its own, or its accent a sign of its own. */
const ownLetters = /_icelandic_|_is_0900|_vietnamese_/;

test.each(allSeries.filter(({ tested }) => tested))(
  'every collation of $series is read from its name as the server compares, and PostgreSQL has one for it',
  async ({ series }) => {
    await using server = await startMysql({ series });
    await using session = await connect({
      url: `mysql://root@127.0.0.1:${server.port}/`,
      applicationName: 'teal test',
    });
    const { rows } = await session.query(lists[server.flavour]);
    const known = rows.map(({ name, cs, pad }): Known => ({
      name: String(name),
      set: String(cs),
      pad: pad === null ? null : String(pad),
    }));
    expect(known.length).toBeGreaterThan(250);
    const wrong: string[] = [];
    const locales = new Map<string, string>();
    const alike = new Set<string>();
    for (const { name, set, pad } of known) {
      const equality = equalityOf(name);
      const e = (letter: string): string => `convert('${letter}' using ${set}) collate \`${name}\``;
      const { rows: told } = await session.query(
        `select ${e('a')} = ${e('A')} as cases, ${e('e')} = ${e('é')} as accents, convert('é' using ${set}) = '?' as lacks, ${e('a')} = ${e('a ')} as pads`,
      );
      const { cases, accents, lacks, pads } = told[0] ?? {};
      if ((cases === '0') !== equality.caseSensitive) wrong.push(`${name}: case`);
      if (lacks === '0' && !ownLetters.test(name) && (accents === '0') !== equality.accentSensitive)
        wrong.push(`${name}: accents`);
      const isCareful = name === 'utf8mb4_0900_bin' && equality.pads;
      if (name !== 'binary' && !isCareful && (pads === '1') !== equality.pads) wrong.push(`${name}: pads`);
      if (pad !== null && !isCareful && (pad === 'PAD SPACE') !== equality.pads) wrong.push(`${name}: pad attribute`);
      const icu = icuCollationFor(equality);
      if (icu === undefined) continue;
      locales.set(icu.name, icu.locale);
      alike.add(likeIcu(equality, server.flavour));
    }
    expect(wrong).toEqual([]);
    for (const collation of alike) await session.query(`select 'x' collate ${collation}`);
    for (const major of new Set([blueMajor(), greenMajor()])) {
      await using target = await testDatabase(major);
      for (const [name, locale] of locales)
        await target.query(`create collation "${name}" (provider = icu, locale = '${locale}', deterministic = false)`);
    }
    expect(locales.size).toBeGreaterThan(20);
  },
);
