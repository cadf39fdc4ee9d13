import type { Side } from '../../../model/catalog.ts';
import type { Setting } from '../../../model/facts.ts';
import { finding, look, type Finding } from '../finding.ts';
import { isMariadb, type MysqlSideView } from './situation.ts';
import { capital } from '../text.ts';

type Settings = Readonly<Record<string, Setting>>;

/** Whether one server can be an end of a migration. After a cut it is followed in the other direction: the same holds for both sides. */
/** `isLogRead`: changes of the side are had from its log. */
export function checkServer(side: Side, view: MysqlSideView, isLogRead: boolean): readonly Finding[] {
  return [
    ...checkVersionAndRole(side, view),
    ...look(view.facts.settings, side, 'settings', (settings) => [
      ...(isLogRead ? [...checkLog(side, view, settings), ...checkRetention(side, view, settings)] : []),
      ...checkReadOnly(side, settings),
    ]),
    ...(isLogRead
      ? look(view.facts.log, side, 'place of the log', ({ onlyDatabases, ignoredDatabases }) =>
          checkFilter(side, onlyDatabases, ignoredDatabases),
        )
      : []),
    // What it is set up to read from is told by its role; here it counts that somebody could look.
    ...look(view.facts.upstreams, side, 'replication from other servers', () => []),
    ...look(view.facts.connections, side, 'free connections', ({ total, used }) => checkConnections(side, total, used)),
  ];
}

function checkVersionAndRole(side: Side, view: MysqlSideView): readonly Finding[] {
  const { major, minor, version, address, role } = view.identity;
  const found: Finding[] = [];
  const isKnown = isMariadb(view) ? major > 10 || (major === 10 && minor >= 5) : major >= 8;
  if (!isKnown) {
    found.push(
      finding('ASSESS-MYSQL-VERSION', {
        side,
        object: address,
        what: `${capital(side)} is version ${version}.`,
        why: 'Its log does not name the columns of a row, and its catalog lacks what Teal reads.',
      }),
    );
  }
  if (role === 'replica') {
    found.push(
      finding('ASSESS-MYSQL-REPLICA', {
        side,
        object: address,
        what: `${capital(side)} is set up to read from another server.`,
        why: 'What replication writes passes the fence, and rows that it brings are not those of clients.',
        mend: `-- give the address of its source, or end the replication for good:\n${isMariadb(view) ? 'STOP ALL SLAVES;\nRESET SLAVE ALL;' : 'STOP REPLICA;\nRESET REPLICA ALL;'}`,
      }),
    );
  }
  return found;
}

/** A setting that the log needs, with the statement that sets it for sessions to come. */
interface Needed {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

const neededOfLog: readonly Needed[] = [
  { name: 'binlog_format', value: 'ROW', why: 'statements are in the log instead of the rows that they changed' },
  { name: 'binlog_row_image', value: 'FULL', why: 'changes are in the log without the columns that they left alone' },
  { name: 'binlog_row_metadata', value: 'FULL', why: 'rows are in the log without the names of their columns' },
  { name: 'binlog_row_value_options', value: '', why: 'parts of JSON values are in the log instead of the values' },
];

function checkLog(side: Side, view: MysqlSideView, settings: Settings): readonly Finding[] {
  const value = (name: string): string | undefined => settings[name]?.value;
  const found: Finding[] = [];
  if (value('log_bin') !== 'ON') {
    found.push(
      finding('ASSESS-MYSQL-LOG-OFF', {
        side,
        object: 'log_bin',
        what: `log_bin is ${value('log_bin') ?? 'unknown'} on ${side}.`,
        why:
          side === 'blue'
            ? 'There is no log to follow.'
            : 'After the cut green must be followed, or there is no way back without losing writes.',
        mend: `-- in its configuration, section [mysqld], then restart it:\n--   log_bin = binlog\n--   binlog_format = ROW\n--   binlog_row_image = FULL\n--   binlog_row_metadata = FULL`,
      }),
    );
  }
  if (value('server_id') === '0') {
    found.push(
      finding('ASSESS-MYSQL-SERVER-ID', {
        side,
        object: 'server_id',
        what: `server_id is 0 on ${side}.`,
        why: 'Such a server refuses everybody who would read its log.',
        mend: `${set(view)} server_id = ${side === 'blue' ? 1 : 2};\n-- and in its configuration`,
      }),
    );
  }
  // A server that does not know a setting does as it must: MariaDB writes no parts of JSON values.
  for (const { name, value: wanted, why } of neededOfLog) {
    const has = value(name);
    if (has === undefined || has.toUpperCase() === wanted) continue;
    found.push(
      finding('ASSESS-MYSQL-LOG-FORMAT', {
        side,
        object: name,
        what: `${name} is ${has} on ${side}.`,
        why: `It must be ${wanted === '' ? 'empty' : wanted}: else ${why}. Sessions that are open keep their own: clients must connect anew.`,
        mend: `${set(view)} ${name} = '${wanted}';${isMariadb(view) ? '\n-- and in its configuration' : ''}`,
      }),
    );
  }
  if (value('binlog_order_commits') === 'OFF') {
    found.push(
      finding('ASSESS-MYSQL-COMMIT-ORDER', {
        side,
        object: 'binlog_order_commits',
        what: `binlog_order_commits is OFF on ${side}.`,
        why: 'A snapshot may then hold a transaction that the log has after its position, and lack one before it.',
        mend: `${set(view)} binlog_order_commits = ON;`,
      }),
    );
  }
  const gtidMode = value('gtid_mode');
  if (gtidMode !== undefined && gtidMode !== 'ON') {
    found.push(
      finding('ASSESS-MYSQL-GTID', {
        side,
        object: 'gtid_mode',
        what: `gtid_mode is ${gtidMode} on ${side}.`,
        why: 'The stream goes by file and offset, which mean nothing on another server: after a failover the copy begins again.',
        mend: [
          `${set(view)} enforce_gtid_consistency = ON;`,
          ...['OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'].map((step) => `${set(view)} gtid_mode = ${step};`),
        ].join('\n'),
      }),
    );
  }
  return found;
}

function set(view: MysqlSideView): string {
  return isMariadb(view) ? 'SET GLOBAL' : 'SET PERSIST';
}

/** A stop of Teal over a night must not cost the copy. */
const shortestRetentionSeconds = 86_400;

function checkRetention(side: Side, view: MysqlSideView, settings: Settings): readonly Finding[] {
  const seconds = Number(settings['binlog_expire_logs_seconds']?.value ?? 0);
  const days = Number(settings['expire_logs_days']?.value ?? 0);
  const kept = seconds > 0 ? seconds : days * 86_400;
  const purges = settings['binlog_expire_logs_auto_purge']?.value !== 'OFF';
  const limit = Number(settings['max_binlog_total_size']?.value ?? 0);
  const found: Finding[] = [];
  if (purges && kept > 0 && kept < shortestRetentionSeconds) {
    found.push(
      finding('ASSESS-MYSQL-RETENTION', {
        side,
        object: 'binlog_expire_logs_seconds',
        what: `${capital(side)} keeps its log for ${Math.round(kept / 3_600)} h.`,
        why: 'When the copy or a stop of Teal takes longer than that, the log is gone and the copy begins again.',
        mend: `${set(view)} binlog_expire_logs_seconds = 604800;\n-- on RDS: CALL mysql.rds_set_configuration('binlog retention hours', 168);`,
      }),
    );
  }
  if (limit > 0) {
    found.push(
      finding('ASSESS-MYSQL-RETENTION', {
        side,
        object: 'max_binlog_total_size',
        what: `${capital(side)} keeps at most ${limit} bytes of its log.`,
        why: 'Under many writes the log is gone before Teal has read it, and the copy begins again.',
        mend: 'SET GLOBAL max_binlog_total_size = 0;',
      }),
    );
  }
  return found;
}

function checkReadOnly(side: Side, settings: Settings): readonly Finding[] {
  if (settings['super_read_only']?.value === 'ON') {
    return [
      finding('ASSESS-MYSQL-SUPER-READ-ONLY', {
        side,
        object: 'super_read_only',
        what: `super_read_only is ON on ${side}.`,
        why: 'Teal, too, must write there: its database, and the changes of the other side.',
        mend: 'SET PERSIST super_read_only = OFF;\nSET PERSIST read_only = OFF;',
      }),
    ];
  }
  const has = settings['read_only']?.value ?? 'OFF';
  if (has === 'OFF' || has === '0') return [];
  return [
    finding('ASSESS-MYSQL-READ-ONLY', {
      side,
      object: 'read_only',
      what: `read_only is ${has} on ${side}.`,
      why:
        side === 'green'
          ? 'Writes of clients would fail there after the cut.'
          : 'Clients cannot write on blue now, and may not have to be moved at all.',
      mend: 'SET GLOBAL read_only = OFF;',
    }),
  ];
}

function checkFilter(side: Side, only: readonly string[], ignored: readonly string[]): readonly Finding[] {
  if (only.length === 0 && ignored.length === 0) return [];
  const said = [
    ...(only.length === 0 ? [] : [`only ${only.join(', ')}`]),
    ...(ignored.length === 0 ? [] : [`nothing of ${ignored.join(', ')}`]),
  ];
  return [
    finding('ASSESS-MYSQL-LOG-FILTER', {
      side,
      object: [...only, ...ignored].join(', '),
      what: `The log of ${side} holds ${said.join(' and ')}.`,
      why: "What is left out by binlog_do_db or binlog_ignore_db cannot follow, and Teal's own marks may be left out, too.",
      mend: '-- take binlog_do_db and binlog_ignore_db out of its configuration, then restart it',
    }),
  ];
}

/** Teal's sessions on one side: copy, stream, apply, fence, looks. */
const connectionsNeeded = 20;

function checkConnections(side: Side, total: number, used: number): readonly Finding[] {
  if (total - used >= connectionsNeeded) return [];
  return [
    finding('ASSESS-MYSQL-CONNECTIONS', {
      side,
      object: 'max_connections',
      what: `${capital(side)} has ${total - used} free connections of ${total}; Teal uses up to ${connectionsNeeded}.`,
      why: 'Clients or Teal may be refused. Fewer copy jobs need fewer connections.',
      mend: `SET GLOBAL max_connections = ${used + connectionsNeeded + 10};`,
    }),
  ];
}
