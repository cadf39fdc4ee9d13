import { TealError } from '../../kernel/errors.ts';

/** One server of a backend, as `show servers state` tells of it. */
export interface ServerState {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** False while its health check says that it is down, or nothing has been found out yet. */
  readonly isUp: boolean;
  /** New connections may be sent to it: it is neither in maintenance nor drained, by whomever, and has a weight. */
  readonly isOpen: boolean;
}

/** HAProxy's `SRV_ADMF_*`: maintenance (forced, inherited, by DNS, by its name) and drain (forced, inherited). 0x04 tells only that its file begins with it disabled. */
const closedBits = 0x7b;

/**
 * The answer of `show servers state <backend>` (management guide, "show servers state"): a version, names of columns, a line for each server. TEAL-TRAFFIC-018 for anything else, which is how
 * HAProxy says that it knows no such backend.
 */
export function readServers(answer: string): readonly ServerState[] {
  const [version, head, ...rows] = answer.split('\n');
  if (version?.trim() !== '1' || head?.startsWith('# ') !== true) {
    throw new TealError('TEAL-TRAFFIC-018', `it answered: ${answer.trim().slice(0, 200)}`);
  }
  const columns = head.slice(2).split(' ');
  const at = (row: readonly string[], column: string): string => row[columns.indexOf(column)] ?? '';
  return rows
    .filter((row) => row.trim() !== '')
    .map((line) => {
      const row = line.split(' ');
      const isClosed = (Number(at(row, 'srv_admin_state')) & closedBits) !== 0;
      return {
        name: at(row, 'srv_name'),
        address: `${at(row, 'srv_addr')}:${at(row, 'srv_port')}`,
        isUp: Number(at(row, 'srv_op_state')) !== 0,
        isOpen: !isClosed && Number(at(row, 'srv_uweight')) > 0,
      };
    });
}
