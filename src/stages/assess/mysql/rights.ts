import type { Side } from '../../../model/catalog.ts';
import type { MysqlRights } from '../../../model/mysql-facts.ts';
import { countOf, finding, keysOf, look, type Finding } from '../finding.ts';
import { isMariadb, type MysqlSideView } from './situation.ts';
import { sqlAccount, sqlName, sqlTable } from './sql.ts';

/** Each right that is missing, with the statement that gives it. `databases` are those that the migration is about. */
export function checkRights(
  side: Side,
  view: MysqlSideView,
  databases: ReadonlySet<string>,
  isLogRead: boolean,
): readonly Finding[] {
  const { rights, passesReadOnly } = view.facts;
  const hidesAccounts = rights.known && !rights.value.seeAccounts;
  return [
    ...look(rights, side, 'rights of the account', (known) => [
      ...checkServerRights(side, view, known, isLogRead),
      ...hiddenDatabases(side, view, known),
      ...checkDatabaseRights(side, known, databases),
      ...checkTableRights(side, known, databases),
    ]),
    ...(hidesAccounts
      ? [hiddenAccounts(side, rights.value.user)]
      : look(passesReadOnly, side, 'accounts that pass read_only', (accounts) => checkPassing(side, view, accounts))),
  ];
}

/** Of an address that names a database no other one is asked for. */
function hiddenDatabases(side: Side, view: MysqlSideView, rights: MysqlRights): readonly Finding[] {
  if (rights.seesAllDatabases || view.identity.identity.database !== '*') return [];
  return [
    finding('ASSESS-MYSQL-RIGHT-DATABASES', {
      side,
      object: rights.user,
      what: `${rights.user} sees only those databases of ${side} on which it has a privilege.`,
      why: 'The address names none, so that all are meant: one that it does not see would be left behind without a word.',
      mend: `GRANT SHOW DATABASES ON *.* TO ${sqlAccount(rights.user)};\n-- or name the database in the address`,
    }),
  ];
}

function hiddenAccounts(side: Side, user: string): Finding {
  return finding('ASSESS-MYSQL-RIGHT-ACCOUNTS', {
    side,
    object: user,
    what: `${user} does not see the other accounts on ${side}.`,
    why: 'Whether one of them writes through the fence, or will be missing after the cut, cannot be told.',
    mend: `GRANT SELECT ON \`mysql\`.* TO ${sqlAccount(user)};`,
  });
}

interface Duty {
  readonly has: boolean;
  readonly code: Finding['code'];
  readonly may: string;
  readonly why: string;
  readonly mysql: string;
  readonly mariadb: string;
}

function dutiesOf(rights: MysqlRights, isCopiedWithoutLock: boolean): readonly Duty[] {
  return [
    {
      has: rights.readLog,
      code: 'ASSESS-MYSQL-RIGHT-LOG',
      may: 'read the log',
      why: 'Changes could not be followed.',
      mysql: 'REPLICATION SLAVE',
      mariadb: 'REPLICATION SLAVE',
    },
    {
      has: rights.readPosition,
      code: 'ASSESS-MYSQL-RIGHT-LOG',
      may: 'ask where the log stands',
      why: 'A snapshot could not be tied to a place in the log.',
      mysql: 'REPLICATION CLIENT',
      mariadb: 'BINLOG MONITOR, SLAVE MONITOR',
    },
    {
      has: rights.flushTables,
      // Of a blue whose log is read a snapshot needs no lock (systems/mysql/snapshot-window.ts).
      code: isCopiedWithoutLock ? 'ASSESS-MYSQL-RIGHT-LOCK-AT-CUT' : 'ASSESS-MYSQL-RIGHT-LOCK',
      may: 'hold all tables for a moment',
      why: isCopiedWithoutLock
        ? 'The copy, the flow and the comparison do without. The fence of a cut waits for open commits by FLUSH TABLES WITH READ LOCK: a cut is given up, with nothing changed, until the account may.'
        : 'The fence of a cut waits for open commits by FLUSH TABLES WITH READ LOCK, and so does a snapshot where no log is read.',
      mysql: 'RELOAD, FLUSH_TABLES, BACKUP_ADMIN',
      mariadb: 'RELOAD',
    },
    {
      has: rights.setReadOnly,
      code: 'ASSESS-MYSQL-RIGHT-READ-ONLY',
      may: 'set read_only',
      why: 'The fence of a cut could not be raised.',
      mysql: 'SYSTEM_VARIABLES_ADMIN',
      mariadb: 'READ_ONLY ADMIN',
    },
    {
      has: rights.writeWhileReadOnly,
      code: 'ASSESS-MYSQL-RIGHT-READ-ONLY',
      may: 'write while read_only is on',
      why: 'It could neither write the token behind the fence nor apply the changes of the other side.',
      mysql: 'CONNECTION_ADMIN',
      mariadb: 'READ_ONLY ADMIN',
    },
    {
      has: rights.seePrepared,
      code: 'ASSESS-MYSQL-RIGHT-SESSIONS',
      may: 'see prepared XA transactions',
      why: 'Whether the fence holds all that is open cannot be told.',
      mysql: 'XA_RECOVER_ADMIN',
      mariadb: 'USAGE',
    },
    {
      has: rights.seeSessions && rights.endSessions,
      code: 'ASSESS-MYSQL-RIGHT-SESSIONS',
      may: 'see and end sessions of others',
      why: 'What a lock waits for cannot be told, and a session that outlives a cut cannot be ended.',
      mysql: 'PROCESS, CONNECTION_ADMIN',
      mariadb: 'PROCESS, CONNECTION ADMIN',
    },
  ];
}

function checkServerRights(
  side: Side,
  view: MysqlSideView,
  rights: MysqlRights,
  isLogRead: boolean,
): readonly Finding[] {
  const account = sqlAccount(rights.user);
  return dutiesOf(rights, side === 'blue' && isLogRead)
    .filter(({ has, code }) => !has && (isLogRead || code !== 'ASSESS-MYSQL-RIGHT-LOG'))
    .map(({ code, may, why, mysql, mariadb }) =>
      finding(code, {
        side,
        object: rights.user,
        what: `${rights.user} may not ${may} on ${side}.`,
        why,
        mend: `GRANT ${isMariadb(view) ? mariadb : mysql} ON *.* TO ${account};`,
      }),
    );
}

function checkDatabaseRights(side: Side, rights: MysqlRights, databases: ReadonlySet<string>): readonly Finding[] {
  const account = sqlAccount(rights.user);
  const grant = (privileges: string, names: readonly string[]): string =>
    names.map((name) => `GRANT ${privileges} ON ${sqlPattern(name)}.* TO ${account};`).join('\n');
  const found: Finding[] = [];
  const missing = (
    code: Finding['code'],
    names: readonly string[],
    may: string,
    why: string,
    privileges: string,
  ): void => {
    const managed = names.filter((name) => databases.has(name));
    if (managed.length === 0) return;
    const what = `${rights.user} ${may} of ${countOf('database', managed)} on ${side}.`;
    found.push(finding(code, { side, object: managed.join(', '), what, why, mend: grant(privileges, managed) }));
  };
  if (!rights.ownTealDatabase) {
    found.push(
      finding('ASSESS-MYSQL-RIGHT-TEAL', {
        side,
        object: rights.user,
        what: `${rights.user} may not make and use a database named teal on ${side}.`,
        why: 'Teal keeps its tokens and its progress there.',
        mend: grant('ALL', ['teal']),
      }),
    );
  }
  missing(
    'ASSESS-MYSQL-RIGHT-HIDDEN',
    rights.tablesHidden,
    'does not see all tables',
    'A table on which it has no privilege is as if it were not there: it would be left behind without a word.',
    'SELECT',
  );
  missing(
    'ASSESS-MYSQL-RIGHT-TRIGGER',
    rights.triggersHidden,
    'does not see the triggers',
    'A trigger would do its work a second time for what Teal applies, and this assessment could not tell that there is one.',
    'TRIGGER',
  );
  missing(
    'ASSESS-MYSQL-RIGHT-EVENT',
    rights.eventsHidden,
    'does not see the events',
    'Jobs of the server would be forgotten on the other side.',
    'EVENT',
  );
  if (side === 'green') {
    missing(
      'ASSESS-MYSQL-RIGHT-CREATE',
      rights.mayNotCreate,
      'may not make the tables',
      'The schema of blue could not be created there.',
      'CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW',
    );
  }
  return found;
}

/** In a grant `_` and `%` stand for any sign. */
function sqlPattern(database: string): string {
  return sqlName(database.replace(/[_%\\]/g, '\\$&'));
}

function checkTableRights(side: Side, rights: MysqlRights, databases: ReadonlySet<string>): readonly Finding[] {
  const account = sqlAccount(rights.user);
  const about = (
    code: Finding['code'],
    all: MysqlRights['unreadable'],
    may: string,
    why: string,
    privileges: string,
  ): readonly Finding[] => {
    const tables = all.filter(({ schema }) => databases.has(schema));
    if (tables.length === 0) return [];
    const what = `${rights.user} may not ${may} ${countOf('table', keysOf(tables))} on ${side}.`;
    const mend = tables.map((table) => `GRANT ${privileges} ON ${sqlTable(table)} TO ${account};`).join('\n');
    return [finding(code, { side, object: keysOf(tables).join(', '), what, why, mend })];
  };
  return [
    ...about(
      'ASSESS-MYSQL-RIGHT-SELECT',
      rights.unreadable,
      'read',
      'Their rows could be neither copied nor compared.',
      'SELECT',
    ),
    ...about(
      'ASSESS-MYSQL-RIGHT-WRITE',
      rights.unwritable,
      'insert, update and delete in',
      side === 'blue'
        ? 'After a cut the writes on green could not come back.'
        : 'Changes of blue could not be applied.',
      'INSERT, UPDATE, DELETE',
    ),
  ];
}

function checkPassing(side: Side, view: MysqlSideView, accounts: readonly string[]): readonly Finding[] {
  if (accounts.length === 0) return [];
  const privileges = isMariadb(view) ? 'READ_ONLY ADMIN' : 'CONNECTION_ADMIN, SUPER';
  return [
    finding('ASSESS-MYSQL-PASSES-READ-ONLY', {
      side,
      object: accounts.join(', '),
      what: `${countOf('account', accounts)} may write on ${side} while read_only is on.`,
      why: 'The fence of a cut does not hold them: what they write after it is lost. No application may use one of them.',
      mend: [
        '-- of each that an application uses:',
        ...accounts.map((name) => `REVOKE ${privileges} ON *.* FROM ${sqlAccount(name)};`),
      ].join('\n'),
    }),
  ];
}
