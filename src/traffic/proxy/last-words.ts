import { encodeError } from '../../wire/postgres/backend.ts';

/** What clients are told by the proxy itself, as a server would say it. */
/** The state of the session cannot be had where it would have to go. */
export const movingAway = encodeError({
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection: this session cannot be carried to the database that now owns the data',
  hint: 'Connect again.',
});
export const backendLost = encodeError({
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection: the database ended this session',
  hint: 'Connect again.',
});
export const notUnderstood = encodeError({ severity: 'FATAL', code: '08P01', message: 'protocol violation' });
/** For a statement that was held and never sent. */
export const cancelled = encodeError({
  severity: 'ERROR',
  code: '57014',
  message: 'canceling statement due to user request',
});
export const shuttingDown = encodeError({
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection due to administrator command',
});
