import { open } from 'node:fs/promises';
import { TealError } from '../../kernel/errors.ts';
import { parseScramVerifier } from '../../wire/postgres/scram.ts';

const limitBytes = 16 << 20;
const linePattern = /^"((?:[^"]|"")+)"\s+"((?:[^"]|"")*)"\s*$/;

/**
 * Verifiers of roles from a file, for administrators who may not read pg_authid. Its format is that of PgBouncer's `auth_file`, one role a line:
 * `"role" "SCRAM-SHA-256$4096:salt$storedKey:serverKey"`; empty lines and lines that begin with `;` or `#` say nothing. A line with anything but a SCRAM
 * verifier is refused: a password has no place there. Nobody but the owner may read the file (mode 0600). Errors: TEAL-TRAFFIC-006, with the line's number,
 * never what is in it.
 */
export async function readAuthFile(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readPrivately(path);
  const verifiers = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([;#]|$)/.test(line)) continue;
    const [, user, verifier] = linePattern.exec(line) ?? [];
    if (user === undefined || verifier === undefined || parseScramVerifier(verifier) === undefined) {
      throw wrong(path, `line ${index + 1} is not "role" "SCRAM-SHA-256$…"`);
    }
    verifiers.set(user.replaceAll('""', '"'), verifier);
  }
  return verifiers;
}

async function readPrivately(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) throw wrong(path, 'others may read it: chmod 600');
    if (size > limitBytes) throw wrong(path, `it is longer than ${limitBytes} bytes`);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof TealError) throw error;
    throw wrong(path, `it cannot be read (${String(Reflect.get(Object(error), 'code'))})`);
  }
}

function wrong(path: string, why: string): TealError {
  return new TealError('TEAL-TRAFFIC-006', `the file of verifiers: ${why}`, { path });
}
