import { constants, generateKeyPair, privateDecrypt, randomBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import {
  cachingSha2,
  checkAnswer,
  encodeAuthMore,
  encodeAuthSwitch,
  type AuthMethod,
} from '../../../wire/mysql/auth.ts';
import { nonceBytes } from '../../../wire/mysql/greeting.ts';
import type { LoginAttempts } from '../login-limits.ts';
import type { MysqlCredential } from './connector.ts';
import type { Account } from './desk.ts';
import { accessDenied } from './last-words.ts';
import type { PacketChannel } from './packet-channel.ts';
import { Refusal } from './traffic.ts';

/** With which clients hide their password from everybody but the proxy, where there is no TLS. */
export interface PasswordKey {
  readonly publicPem: string;
  readonly privateKey: KeyObject;
}

export async function makePasswordKey(): Promise<PasswordKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { publicPem: publicKey.export({ type: 'spki', format: 'pem' }), privateKey };
}

export interface ClientProof {
  readonly user: string;
  /** As the client's packet has it. */
  readonly answer: Buffer;
  readonly plugin: string | undefined;
  /** That it answers; undefined when it answers an older one, and has to be asked again. */
  readonly nonce: Buffer | undefined;
  readonly address: string;
  /** Nobody else reads what it says. */
  readonly isPrivate: boolean;
}

/** 20 bytes that are not zero, as a nonce has to be. */
export function makeNonce(): Buffer {
  return Buffer.from(randomBytes(nonceBytes).map((byte) => (byte % 127) + 1));
}

/**
 * Has a client prove its password by the method of its accounts, and returns what logs in to a backend on its behalf. `mysql_native_password`: checked here by H(H(password)),
 * which the servers store, and H(password) is learnt from the right answer. `caching_sha2_password`: what servers store checks the password itself alone, so the client is asked for it
 * (over TLS as it is, else under the proxy's key), and the backend checks it. Rejects with `Refusal`, and with what `attempts` throws before it looks at a proof.
 */
export async function askForProof(
  channel: PacketChannel,
  accounts: readonly Account[],
  proof: ClientProof,
  attempts: LoginAttempts,
  key: PasswordKey,
  fallback: AuthMethod,
): Promise<MysqlCredential> {
  const methods = new Set(accounts.map(({ method }) => method));
  // A name that nobody has is asked as one by the server's own method.
  const known = methods.has('caching_sha2_password')
    ? 'caching_sha2_password'
    : methods.has('mysql_native_password')
      ? 'mysql_native_password'
      : fallback;
  const { answer, nonce } = await answerBy(channel, known, proof);
  const denied = (): Refusal => {
    attempts.failed();
    return new Refusal(accessDenied(proof.user, proof.address, answer.length > 0));
  };
  if (answer.length === 0) {
    attempts.check();
    if (accounts.some(({ method, hasPassword }) => method !== undefined && !hasPassword)) return { kind: 'none' };
    throw denied();
  }
  if (known === 'mysql_native_password') {
    attempts.check();
    for (const { second } of accounts) {
      const first = second === undefined ? undefined : checkAnswer(known, second, nonce, answer);
      if (first !== undefined) return { kind: 'stageOne', method: known, first };
    }
    throw denied();
  }
  const password = await askForPassword(channel, nonce, proof.isPrivate, key);
  attempts.check();
  // A name that nobody has is refused by the backend too: that takes as long as a wrong password.
  if (password === undefined || (accounts.length > 0 && !methods.has(known))) throw denied();
  return { kind: 'password', password };
}

async function answerBy(
  channel: PacketChannel,
  method: AuthMethod,
  proof: ClientProof,
): Promise<{ readonly answer: Buffer; readonly nonce: Buffer }> {
  if (proof.nonce !== undefined && (proof.plugin ?? 'mysql_native_password') === method)
    return { answer: proof.answer, nonce: proof.nonce };
  const nonce = makeNonce();
  channel.write(encodeAuthSwitch(method, nonce));
  return { answer: await channel.read(), nonce };
}

/** Undefined when what the client sent is no password. */
async function askForPassword(
  channel: PacketChannel,
  nonce: Buffer,
  isPrivate: boolean,
  key: PasswordKey,
): Promise<string | undefined> {
  channel.write(encodeAuthMore(Buffer.of(cachingSha2.fullAuthentication)));
  let said = await channel.read();
  if (isPrivate) return textOf(said);
  if (said.length === 1 && said[0] === cachingSha2.publicKeyRequest) {
    channel.write(encodeAuthMore(Buffer.from(key.publicPem, 'latin1')));
    said = await channel.read();
  }
  try {
    const hidden = privateDecrypt({ key: key.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, said);
    return textOf(Buffer.from(hidden.map((byte, at) => byte ^ (nonce[at % nonce.length] ?? 0))));
  } catch {
    // It is not encrypted with this key: nobody's password.
    return undefined;
  }
}

function textOf(said: Buffer): string | undefined {
  return said.at(-1) === 0 ? said.subarray(0, -1).toString('utf8') : undefined;
}
