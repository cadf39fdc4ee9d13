import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * PostgreSQL's old password method. The stored verifier is `md5` + hex(md5(password + user)); the answer to a challenge hashes the verifier's
 * hex with the challenge's four bytes. So who knows the verifier can answer: it is kept as carefully as a password.
 */
export interface Md5Verifier {
  readonly hex: string;
}

export function parseMd5Verifier(text: string): Md5Verifier | undefined {
  return /^md5[0-9a-f]{32}$/.test(text) ? { hex: text.slice(3) } : undefined;
}

export function md5Verifier(user: string, password: string): Md5Verifier {
  return { hex: md5(Buffer.from(password + user, 'utf8')) };
}

export function md5Answer(verifier: Md5Verifier, challenge: Buffer): string {
  return `md5${md5(Buffer.concat([Buffer.from(verifier.hex, 'latin1'), challenge]))}`;
}

export function checkMd5Answer(verifier: Md5Verifier, challenge: Buffer, answer: string): boolean {
  const expected = Buffer.from(md5Answer(verifier, challenge), 'latin1');
  const given = Buffer.from(answer, 'utf8');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
