import { readFileSync } from 'node:fs';
import { describeError, TealError } from './errors.ts';

/** What the file holds that a parameter of an address names, under the name that TLS has for it; nothing where the parameter is not given. TEAL-SYSTEMS-004 when it cannot be read. */
export function fileOf<Name extends 'ca' | 'cert' | 'key'>(
  given: URLSearchParams,
  parameter: string,
  name: Name,
): Partial<Record<Name, string>> {
  const path = given.get(parameter);
  if (path === null) return {};
  try {
    return { [name]: readFileSync(path, 'utf8') } as Record<Name, string>;
  } catch (error) {
    throw new TealError('TEAL-SYSTEMS-004', `the file of ${parameter} cannot be read: ${describeError(error)}`);
  }
}
