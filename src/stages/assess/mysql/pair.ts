import { tableKey, type Side } from '../../../model/catalog.ts';
import type { Setting } from '../../../model/facts.ts';
import type { MysqlAccount } from '../../../model/mysql-facts.ts';
import { countOf, finding, keysOf, look, type Finding } from '../finding.ts';
import { isMariadb, type MysqlSideView, type MysqlSituation } from './situation.ts';
import { sqlAccount, sqlName, sqlTable, sqlText } from './sql.ts';

type Settings = Readonly<Record<string, Setting>>;

/** What must fit between two sides of this family. Nothing where green is PostgreSQL. */
export function checkPair(situation: MysqlSituation): readonly Finding[] {
  const { blue, green } = situation;
  return [
    ...look(blue.facts.settings, 'blue', 'settings', (settings) => checkStrictness(settings)),
    ...(green === undefined
      ? []
      : [
          ...checkSame(blue, green),
          ...checkEmpty(situation, green),
          ...look(blue.facts.settings, 'blue', 'settings', (ofBlue) =>
            look(green.facts.settings, 'green', 'settings', (ofGreen) => [
              ...checkSettings(green, ofBlue, ofGreen),
              ...checkCase(situation, ofBlue, ofGreen),
            ]),
          ),
          ...checkAccounts(blue, green),
        ]),
  ];
}

function checkStrictness(settings: Settings): readonly Finding[] {
  const mode = settings['sql_mode']?.value;
  if (mode === undefined || /STRICT_(?:TRANS|ALL)_TABLES/.test(mode)) return [];
  return [
    finding('ASSESS-MYSQL-SQL-MODE', {
      side: 'blue',
      object: 'sql_mode',
      what: `sql_mode of blue is not strict (${mode === '' ? 'empty' : mode}).`,
      why: 'Tables may hold zero dates, cut texts and labels that no ENUM has: what has no form on green stops the copy, unless a policy says what becomes of it.',
      mend: `-- for new sessions, once the application can take errors:\nSET GLOBAL sql_mode = CONCAT_WS(',', @@GLOBAL.sql_mode, 'STRICT_TRANS_TABLES', 'NO_ZERO_DATE', 'NO_ZERO_IN_DATE');`,
    }),
  ];
}

function checkSame(blue: MysqlSideView, green: MysqlSideView): readonly Finding[] {
  const [one, other] = [blue.identity.identity, green.identity.identity];
  if (one.cluster !== other.cluster) return [];
  return [
    finding('ASSESS-MYSQL-SAME-SERVER', {
      object: green.identity.address,
      what: 'Blue and green are the same server.',
      why: 'A fence closes the whole server, and its log holds the changes of both sides. A copied data folder with its auto.cnf answers like this as well.',
      mend: '-- give the address of another server; of a copied one remove auto.cnf and restart it',
    }),
  ];
}

function checkEmpty({ managed }: MysqlSituation, green: MysqlSideView): readonly Finding[] {
  const wanted = new Set(keysOf(managed));
  const there = green.catalog.tables.filter((table) => wanted.has(tableKey(table)));
  if (there.length === 0) return [];
  return [
    finding('ASSESS-MYSQL-GREEN-NOT-EMPTY', {
      side: 'green',
      object: keysOf(there).join(', '),
      what: `Green has ${countOf('table', keysOf(there))} of this migration already.`,
      why: 'Rows that are there would be taken for copied ones, or collide with them.',
      mend: `-- everything in them is lost by this:\n${there.map((table) => `DROP TABLE ${sqlTable(table)};`).join('\n')}`,
    }),
  ];
}

/** Beside these, settings of sessions that clients make for themselves cannot be seen. */
const settingsClientsNotice = [
  'sql_mode',
  'time_zone',
  'system_time_zone',
  'character_set_server',
  'collation_server',
  'transaction_isolation',
  'autocommit',
  'max_allowed_packet',
  'wait_timeout',
  'explicit_defaults_for_timestamp',
  'lower_case_table_names',
  'auto_increment_increment',
  'auto_increment_offset',
  'local_infile',
] as const;

/** Read once, when the server starts. */
const onlyAtStart = new Set(['system_time_zone', 'lower_case_table_names']);

function checkSettings(green: MysqlSideView, ofBlue: Settings, ofGreen: Settings): readonly Finding[] {
  const valueOf = (settings: Settings, name: string): string | undefined =>
    settings[name]?.value ?? (name === 'transaction_isolation' ? settings['tx_isolation']?.value : undefined);
  const differing = settingsClientsNotice.flatMap((name) => {
    const [one, other] = [valueOf(ofBlue, name), valueOf(ofGreen, name)];
    return one === undefined || other === undefined || one === other ? [] : [{ name, one, other }];
  });
  if (differing.length === 0) return [];
  const verb = isMariadb(green) ? 'SET GLOBAL' : 'SET PERSIST';
  return [
    finding('ASSESS-MYSQL-SETTINGS', {
      side: 'green',
      object: differing.map(({ name }) => name).join(', '),
      what: `Settings differ: ${differing.map(({ name, one, other }) => `${name} ${one || "''"} → ${other || "''"}`).join(', ')}.`,
      why: 'Clients that do not set them themselves get other answers, or other errors, after the cut.',
      mend: differing
        .map(({ name, one }) =>
          onlyAtStart.has(name)
            ? `-- ${name} = ${one} in its configuration, before it has data`
            : `${verb} ${name} = ${/^\d+$/.test(one) ? one : sqlText(one)};`,
        )
        .join('\n'),
    }),
  ];
}

/** With lower_case_table_names other than 0 a server takes `Shop` and `shop` for one table. */
function checkCase({ managed }: MysqlSituation, ofBlue: Settings, ofGreen: Settings): readonly Finding[] {
  const setting = 'lower_case_table_names';
  if (ofBlue[setting]?.value !== '0' || (ofGreen[setting]?.value ?? '0') === '0') return [];
  const groups = Map.groupBy(managed, (table) => tableKey(table).toLowerCase());
  return [...groups.values()]
    .filter((tables) => tables.length > 1)
    .map((tables) =>
      finding('ASSESS-MYSQL-NAME-CASE', {
        side: 'green',
        object: keysOf(tables).join(', '),
        what: `${countOf('table', keysOf(tables))} of blue have one name on green.`,
        why: 'Green does not tell names apart by their case: the rows of both would be mixed.',
        mend: `-- rename all but one on blue, exclude them, or set up green with ${setting} = 0:\nRENAME TABLE ${sqlTable(tables[1] ?? { schema: '', name: '' })} TO ${sqlName(tables[1]?.schema ?? '', `${tables[1]?.name ?? ''}_2`)};`,
      }),
    );
}

function checkAccounts(blue: MysqlSideView, green: MysqlSideView): readonly Finding[] {
  return look(blue.facts.accounts, 'blue', 'accounts', (ofBlue) =>
    look(green.facts.accounts, 'green', 'accounts', (ofGreen) => {
      const there = new Set(ofGreen.map(({ name }) => name));
      const missing = ofBlue.filter(({ name, locked }) => !locked && !there.has(name)).map(({ name }) => name);
      return [
        ...missingAccounts(missing),
        ...otherProofs(ofBlue, ofGreen, isMariadb(green) ? 'blue' : 'green'),
        ...look(blue.facts.definedObjects, 'blue', 'programs in the database', (objects) =>
          missingDefiners([...new Set(objects.map(({ definer }) => definer))].filter((name) => !there.has(name))),
        ),
      ];
    }),
  );
}

function missingAccounts(names: readonly string[]): readonly Finding[] {
  if (names.length === 0) return [];
  return [
    finding('ASSESS-MYSQL-ACCOUNT', {
      side: 'green',
      object: names.join(', '),
      what: `${countOf('account', names)} of blue ${names.length === 1 ? 'is' : 'are'} missing on green.`,
      why: 'Clients that use them cannot log in after the cut.',
      mend: `-- on blue, then what they say on green:\n${names.map((name) => `SHOW CREATE USER ${sqlAccount(name)};\nSHOW GRANTS FOR ${sqlAccount(name)};`).join('\n')}`,
    }),
  ];
}

/** `mends`: the side that is asked to take the other's plugin. MariaDB knows fewer of them. */
function otherProofs(
  ofBlue: readonly MysqlAccount[],
  ofGreen: readonly MysqlAccount[],
  mends: Side,
): readonly Finding[] {
  const there = new Map(ofGreen.map((account) => [account.name, account]));
  const differing = ofBlue.flatMap((blue) => {
    const green = there.get(blue.name);
    if (green === undefined || blue.locked || green.locked || blue.plugin === green.plugin) return [];
    return [{ name: blue.name, blue: blue.plugin, green: green.plugin }];
  });
  if (differing.length === 0) return [];
  const names = differing.map(({ name }) => name);
  const other = mends === 'blue' ? 'green' : 'blue';
  return [
    finding('ASSESS-MYSQL-ACCOUNT-PLUGIN', {
      side: 'green',
      object: names.join(', '),
      what: `${countOf('account', names)} of blue prove themselves otherwise on green: ${differing.map(({ name, blue, green }) => `${name} ${blue} → ${green}`).join(', ')}.`,
      why: "A driver that does not speak green's plugin cannot log in after the cut. Through the proxy: a session that has proven itself by mysql_native_password cannot be carried to a side where its account has caching_sha2_password, because no password was seen; such a session keeps a cut in that direction from being made.",
      mend: differing
        .map(
          (each) =>
            `-- on ${mends}, with the password that it has on ${other}:\nALTER USER ${sqlAccount(each.name)} IDENTIFIED WITH ${each[other]} BY '…';`,
        )
        .join('\n'),
    }),
  ];
}

function missingDefiners(names: readonly string[]): readonly Finding[] {
  if (names.length === 0) return [];
  return [
    finding('ASSESS-MYSQL-DEFINER', {
      side: 'green',
      object: names.join(', '),
      what: `Views and programs of blue run as ${countOf('account', names)} that green does not have.`,
      why: 'On green each use of them fails until the account is there, or they are made with another definer.',
      mend: names.map((name) => `-- on green: CREATE USER ${sqlAccount(name)} ACCOUNT LOCK;`).join('\n'),
    }),
  ];
}
