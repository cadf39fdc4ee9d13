import { encodeError } from '../../../wire/mysql/replies.ts';

/** What clients are told by the proxy itself, as a server would say it. */
/** The state of the session cannot be had where it would have to go. */
export const movingAway = encodeError({
  code: 1053,
  sqlState: '08S01',
  message:
    'Server shutdown in progress (this session cannot be carried to the database that now owns the data; connect again)',
});
export const backendLost = encodeError({
  code: 1053,
  sqlState: '08S01',
  message: 'Server shutdown in progress (the database ended this session; connect again)',
});
export const shuttingDown = encodeError({ code: 1053, sqlState: '08S01', message: 'Server shutdown in progress' });
export const notUnderstood = encodeError({ code: 1835, sqlState: 'HY000', message: 'Malformed communication packet.' });
export const unknownCommand = encodeError({
  code: 1047,
  sqlState: '08S01',
  message: 'Unknown command (it does not pass the proxy: connect to the database itself)',
});

export function unknownThread(connectionId: number): Buffer {
  return encodeError({ code: 1094, sqlState: 'HY000', message: `Unknown thread id: ${connectionId}` });
}

export function accessDenied(user: string, address: string, withPassword: boolean): Buffer {
  const message = `Access denied for user '${user}'@'${address}' (using password: ${withPassword ? 'YES' : 'NO'})`;
  return encodeError({ code: 1045, sqlState: '28000', message });
}

export function tooManyFailures(address: string): Buffer {
  const message = `Host '${address}' is blocked for a while because of many failed logins; try again in a moment`;
  return encodeError({ code: 1129, sqlState: 'HY000', message });
}

export const tooManyClients = encodeError({ code: 1040, sqlState: '08004', message: 'Too many connections' });
export const unreachableBehind = encodeError({
  code: 2003,
  sqlState: 'HY000',
  message: 'the database behind the proxy cannot be reached, or refuses the proxy',
});
