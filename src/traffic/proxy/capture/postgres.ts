import { isReadable, type SessionFacts } from '../shadow/sample.ts';
import type { Capture, CaptureDialect } from './capture.ts';
import { SessionRecorder } from './recorder.ts';
import { Redactor } from './redact.ts';

export type PostgresCapture = Capture<SessionFacts, SessionRecorder, Redactor>;

/** What is of PostgreSQL. */
export const postgresCapture: CaptureDialect<SessionFacts, SessionRecorder, Redactor> = {
  redactor: (key) => new Redactor(key),
  opened({ login, shown, state }, redactor) {
    if (redactor !== undefined && !isReadable({ shown })) return undefined;
    const rows = state.rows.map((row) => row.map((value) => value?.toString('latin1') ?? null));
    const kept = redactor === undefined ? rows : rows.map((row) => redactState(row, redactor));
    return {
      user: login.user,
      parameters: Object.fromEntries(login.parameters),
      shown: Object.fromEntries(shown),
      state: kept.flatMap((row) => (row === undefined || row[0] === 'listen' ? [] : [row])),
    };
  },
  recorder: (desk, session) => new SessionRecorder(desk, session),
};

/** Settings of the server stay, those of the application's own and statements are replaced. Undefined when it is not understood. */
function redactState(row: readonly (string | null)[], redactor: Redactor): (string | null)[] | undefined {
  const [kind = null, name = null, value = null] = row;
  if (value === null || !(kind === 'custom' || kind === 'prepared')) return [...row];
  const redacted = kind === 'custom' ? redactor.value(value) : redactor.statement(value);
  return redacted === undefined ? undefined : [kind, name, redacted];
}
