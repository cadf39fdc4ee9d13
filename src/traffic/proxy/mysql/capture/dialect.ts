import type { Capture, CaptureDialect } from '../../capture/capture.ts';
import type { MysqlLogin } from '../connector.ts';
import type { SessionState, StatePart } from '../session-state.ts';
import { isReadable } from '../shadow/sample.ts';
import { MysqlRecorder } from './recorder.ts';
import { MysqlRedactor } from './redact.ts';

/** A session that can be recorded from here on. */
export interface MysqlRecorded {
  readonly login: MysqlLogin;
  readonly state: SessionState;
  /** Its backend told the state; else it has just logged in. */
  readonly isAsked: boolean;
  /** `sql_mode` of the server, for a session that has set none. */
  readonly serverMode: string;
}

export type MysqlCapture = Capture<MysqlRecorded, MysqlRecorder, MysqlRedactor>;

const preparedPart = 'prepared statement ';

/** What is of MySQL and MariaDB. */
export const mysqlCapture: CaptureDialect<MysqlRecorded, MysqlRecorder, MysqlRedactor> = {
  redactor: (key) => new MysqlRedactor(key),
  opened({ login, state, isAsked, serverMode }, redactor) {
    if (redactor !== undefined && !(isReadable(login, state, isAsked) && isModeReadable(state, serverMode))) {
      return undefined;
    }
    const { database, parts } = state;
    const rows = redactor === undefined ? parts.map(rowOf) : parts.flatMap((part) => redacted(part, redactor));
    return {
      user: login.user,
      parameters: { collation: String(login.collation), capabilities: String(login.capabilities) },
      shown: {},
      state: [...(database === undefined ? [] : [['database', null, database.toString('latin1')]]), ...rows],
    };
  },
  recorder: (desk, session) => new MysqlRecorder(desk, session),
};

/** What stands in double quotes is a text, and a backslash escapes. */
function isModeReadable({ parts }: SessionState, serverMode: string): boolean {
  const own = parts.find(({ what }) => what === 'setting sql_mode')?.sql.toString('latin1') ?? '';
  const mode = own === '' || own.includes('@@global.') ? serverMode : own;
  return !/ansi|no_backslash_escapes/i.test(mode);
}

function rowOf({ what, sql }: StatePart): (string | null)[] {
  return [what, null, sql.toString('latin1')];
}

/** Settings stay, variables of the user's are replaced. What was prepared in SQL is a text in a text, and is left away. */
function redacted(part: StatePart, redactor: MysqlRedactor): readonly (string | null)[][] {
  const [what = null, , sql = ''] = rowOf(part);
  if (part.what.startsWith(preparedPart)) return [];
  if (part.what.startsWith('setting ')) return [[what, null, sql]];
  const text = redactor.statement(sql ?? '');
  return text === undefined ? [] : [[what, null, text]];
}
