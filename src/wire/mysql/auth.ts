import { constants, createHash, publicEncrypt, timingSafeEqual } from 'node:crypto';
import { BodyReader, malformed, uint8, zeroTerminated } from './body.ts';

/**
 * How a client proves its password (MySQL manual, "Native Authentication", "Caching SHA-2 Authentication"), as pure steps for both roles. Nonces come from the
 * caller.
 *
 * Pass-through: both methods hide H(password) behind a digest of the nonce and of H(H(password)). Who knows H(H(password)) learns H(password) from a right
 * answer, and can then answer any other nonce: enough to log in as that user at any server with the same verifier. The password is never seen.
 */
export type AuthMethod = 'mysql_native_password' | 'caching_sha2_password';

const hashes = Object.freeze({ mysql_native_password: 'sha1', caching_sha2_password: 'sha256' });

export function asAuthMethod(plugin: string): AuthMethod | undefined {
  return plugin === 'mysql_native_password' || plugin === 'caching_sha2_password' ? plugin : undefined;
}

/** H(password): what an answer is made of. Secret. */
export function stageOne(method: AuthMethod, password: string): Buffer {
  return digest(method, Buffer.from(password, 'utf8'));
}

/** H(H(password)): what answers are checked with. For `mysql_native_password` it is what the server keeps, as `*` and 40 hexadecimal digits. */
export function stageTwo(method: AuthMethod, first: Buffer): Buffer {
  return digest(method, first);
}

/** The answer of a user with a password; the answer of one without is empty. */
export function answerNonce(method: AuthMethod, first: Buffer, nonce: Buffer): Buffer {
  return xor(first, mask(method, stageTwo(method, first), nonce));
}

/** H(password), from a right answer; undefined for a wrong one. */
export function checkAnswer(method: AuthMethod, second: Buffer, nonce: Buffer, answer: Buffer): Buffer | undefined {
  if (answer.length !== second.length) return undefined;
  const first = xor(answer, mask(method, second, nonce));
  return timingSafeEqual(stageTwo(method, first), second) ? first : undefined;
}

/** SHA1 takes the nonce first, SHA256 last. */
function mask(method: AuthMethod, second: Buffer, nonce: Buffer): Buffer {
  return method === 'mysql_native_password' ? digest(method, nonce, second) : digest(method, second, nonce);
}

function digest(method: AuthMethod, ...parts: readonly Buffer[]): Buffer {
  const hash = createHash(hashes[method]);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at % b.length] ?? 0)));
}

/** What `mysql.user` keeps for `mysql_native_password`; undefined when it is of another kind. */
export function parseNativeVerifier(text: string): Buffer | undefined {
  return /^\*[0-9A-Fa-f]{40}$/.test(text) ? Buffer.from(text.slice(1), 'hex') : undefined;
}

/** The words of `caching_sha2_password` after the answer: the server's, each in an AuthMoreData, and the client's. */
export const cachingSha2 = Object.freeze({ publicKeyRequest: 2, fastSuccess: 3, fullAuthentication: 4 });

/** Over TLS: the password itself. */
export function clearPassword(password: string): Buffer {
  return zeroTerminated(password);
}

/** Where there is no TLS: the password behind the nonce, for the holder of the server's key alone (RSA, OAEP with SHA1). Throws TEAL-WIRE-001. */
export function encryptPassword(password: string, nonce: Buffer, publicKeyPem: string): Buffer {
  const hidden = xor(zeroTerminated(password), nonce);
  try {
    return publicEncrypt({ key: publicKeyPem, padding: constants.RSA_PKCS1_OAEP_PADDING }, hidden);
  } catch {
    // The cause would tell of what was to be encrypted.
    throw malformed('the public key of a server', 'the password cannot be encrypted with it');
  }
}

/** What a server says while a client logs in. */
export type AuthRequest =
  | { readonly kind: 'switch'; readonly plugin: string; readonly nonce: Buffer }
  | { readonly kind: 'more'; readonly data: Buffer };

/** AuthSwitchRequest (0xfe) or AuthMoreData (0x01); undefined for OK, ERR and what else there is. */
export function readAuthRequest(payload: Buffer): AuthRequest | undefined {
  const body = new BodyReader(payload, 'an authentication request');
  switch (body.uint8()) {
    case 0x01:
      return { kind: 'more', data: body.rest() };
    case 0xfe: {
      // Alone it asks for the method of before 4.1, which nobody has any more.
      if (body.left === 0) return { kind: 'switch', plugin: 'mysql_old_password', nonce: Buffer.alloc(0) };
      const plugin = body.zeroTerminated();
      const data = body.rest();
      return { kind: 'switch', plugin, nonce: data.at(-1) === 0 ? data.subarray(0, -1) : data };
    }
    default:
      return undefined;
  }
}

export function encodeAuthSwitch(plugin: string, nonce: Buffer): Buffer {
  return Buffer.concat([uint8(0xfe), zeroTerminated(plugin), nonce, uint8(0)]);
}

export function encodeAuthMore(data: Buffer): Buffer {
  return Buffer.concat([uint8(0x01), data]);
}
