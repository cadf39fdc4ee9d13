import { KeptSession as Kept } from '../../kernel/kept-session.ts';
import { connect, type ConnectOptions, type MysqlConnection } from './connection.ts';

/** A session with MySQL or MariaDB that is kept: see the kernel's. */
export class KeptSession extends Kept<MysqlConnection> {
  constructor(options: ConnectOptions) {
    super(async (signal) => connect(signal === undefined ? options : { ...options, signal }));
  }
}
