import { KeptSession as Kept } from '../../kernel/kept-session.ts';
import { connect, type ConnectOptions, type PgConnection } from './connection.ts';

/** A session with PostgreSQL that is kept: see the kernel's. */
export class KeptSession extends Kept<PgConnection> {
  constructor(options: ConnectOptions) {
    super(async (signal) => connect(signal === undefined ? options : { ...options, signal }));
  }
}
