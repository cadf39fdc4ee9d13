import { isTealError } from '../../../kernel/errors.ts';
import { parseType } from '../../../model/mysql-type.ts';

/** Whether Teal carries values of this COLUMN_TYPE. */
export function isKnownType(columnType: string): boolean {
  try {
    parseType(columnType);
    return true;
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-304')) return false;
    throw error;
  }
}
