import { TealError } from '../../kernel/errors.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import type { MysqlConnection } from './connection.ts';
import type { ToldPlace } from './position.ts';

/** All of them see what had committed by now, each from its own moment. */
export async function beginAll(sessions: readonly MysqlConnection[], signal: AbortSignal): Promise<void> {
  const begin = 'start transaction with consistent snapshot, read only';
  await Promise.all(sessions.map(async (each) => untilAborted(each, signal, async () => each.query(begin))));
}

/** The end of the binlog. Of MySQL the GTIDs are exact only while nothing commits: they are those of what can be seen. Error: TEAL-SYNC-132 the server keeps no log. */
export async function placeNow(looker: MysqlConnection): Promise<ToldPlace> {
  const [major, minor] = looker.version;
  const isNew = looker.flavour === 'mysql' && (major > 8 || (major === 8 && minor >= 2));
  const { rows } = await looker.query(isNew ? 'show binary log status' : 'show master status');
  const row = rows[0];
  const place = { file: logFile(row?.['File']), offset: Number(row?.['Position']) };
  if (looker.flavour === 'mariadb') {
    const found = await looker.query('select binlog_gtid_pos(?, ?) as gtids', [place.file, place.offset]);
    return { ...place, gtids: found.rows[0]?.['gtids'] ?? undefined };
  }
  const mode = await looker.query('select @@global.gtid_mode as mode');
  return { ...place, gtids: mode.rows[0]?.['mode'] === 'ON' ? (row?.['Executed_Gtid_Set'] ?? '') : undefined };
}

function logFile(told: string | null | undefined): string {
  if (told !== undefined && told !== null && told !== '') return told;
  throw new TealError('TEAL-SYNC-132', 'the server writes no binlog');
}
