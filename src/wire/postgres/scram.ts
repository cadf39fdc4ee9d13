import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { malformed } from './body.ts';

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it, without channel binding, as pure steps for both roles. Nonces come from the
 * caller, so that the published examples can be replayed.
 *
 * Pass-through: a server that knows the verifier learns ClientKey from a correct proof (ClientKey = proof XOR HMAC(StoredKey, AuthMessage)).
 * ClientKey and ServerKey suffice to log in, as that user, at any server that holds the same verifier; the password is never seen.
 */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What is enough to log in where the same verifier is stored. Secret. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

const mechanismPattern = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** `pg_authid.rolpassword` of a SCRAM role; undefined when it is of another kind. */
export function parseScramVerifier(text: string): ScramVerifier | undefined {
  const [, iterations, salt, storedKey, serverKey] = mechanismPattern.exec(text) ?? [];
  if (iterations === undefined || salt === undefined || storedKey === undefined || serverKey === undefined) {
    return undefined;
  }
  return {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}

/** NFKC stands in for SASLprep: equal for every password without control, private-use or bidirectional characters. */
export function deriveKeys(password: string, salt: Buffer, iterations: number): ScramKeys {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  return { clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') };
}

export function verifierOf(keys: ScramKeys, salt: Buffer, iterations: number): ScramVerifier {
  return { iterations, salt, storedKey: sha256(keys.clientKey), serverKey: keys.serverKey };
}

// ---- the server's part

export interface ScramServerState {
  readonly gs2Header: string;
  readonly nonce: string;
  readonly clientFirstBare: string;
  readonly serverFirst: string;
}

/** Answers client-first-message. `serverNonce` is printable ASCII without a comma. */
export function answerClientFirst(message: string, verifier: ScramVerifier, serverNonce: string): ScramServerState {
  const [, gs2Header, clientFirstBare, clientNonce] =
    /^([ny],(?:a=[^,]*)?,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(message) ?? [];
  if (gs2Header === undefined || clientFirstBare === undefined || clientNonce === undefined) {
    throw malformed('a SCRAM message', 'client-first-message');
  }
  const nonce = clientNonce + serverNonce;
  const serverFirst = `r=${nonce},s=${verifier.salt.toString('base64')},i=${verifier.iterations}`;
  return { gs2Header, nonce, clientFirstBare, serverFirst };
}

/** Checks client-final-message. A wrong proof is `undefined`; a right one gives server-final-message and the keys for passing through. */
export function checkClientFinal(
  message: string,
  state: ScramServerState,
  verifier: ScramVerifier,
): { readonly serverFinal: string; readonly keys: ScramKeys } | undefined {
  const [, withoutProof, binding, nonce, proofText] =
    /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/]{43}=)$/.exec(message) ?? [];
  if (withoutProof === undefined || binding === undefined || nonce === undefined || proofText === undefined) {
    throw malformed('a SCRAM message', 'client-final-message');
  }
  if (binding !== Buffer.from(state.gs2Header, 'utf8').toString('base64') || nonce !== state.nonce) {
    throw malformed('a SCRAM message', 'it does not belong to this exchange');
  }
  const authMessage = `${state.clientFirstBare},${state.serverFirst},${withoutProof}`;
  const clientKey = xor(Buffer.from(proofText, 'base64'), hmac(verifier.storedKey, authMessage));
  if (!timingSafeEqual(sha256(clientKey), verifier.storedKey)) return undefined;
  const serverFinal = `v=${hmac(verifier.serverKey, authMessage).toString('base64')}`;
  return { serverFinal, keys: { clientKey, serverKey: verifier.serverKey } };
}

// ---- the client's part

export interface ScramClientState {
  readonly nonce: string;
  readonly clientFirstBare: string;
  readonly message: string;
}

const noBinding = 'n,,';
/** Hundreds of times PostgreSQL's default, and about a second of work: a server must not make its client compute for minutes. */
const iterationLimit = 2_000_000;

/** PostgreSQL takes the user from the start-up packet and ignores the name here, which is therefore empty as libpq sends it. */
export function clientFirst(nonce: string, name = ''): ScramClientState {
  const clientFirstBare = `n=${name},r=${nonce}`;
  return { nonce, clientFirstBare, message: noBinding + clientFirstBare };
}

export interface ScramChallenge {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly nonce: string;
}

/** Reads server-first-message. The server's nonce must extend the client's, else somebody replays an old exchange. */
export function readServerFirst(serverFirst: string, state: ScramClientState): ScramChallenge {
  const [, nonce, salt, iterations] =
    /^r=([^,]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,9})(?:,.*)?$/.exec(serverFirst) ?? [];
  if (nonce === undefined || salt === undefined || iterations === undefined) {
    throw malformed('a SCRAM message', 'server-first-message');
  }
  if (Number(iterations) < 1 || Number(iterations) > iterationLimit) {
    throw malformed('a SCRAM message', `more iterations than ${iterationLimit}, or none`);
  }
  if (!nonce.startsWith(state.nonce) || nonce.length === state.nonce.length) {
    throw malformed('a SCRAM message', 'its nonce does not extend ours');
  }
  return { salt: Buffer.from(salt, 'base64'), iterations: Number(iterations), nonce };
}

/** client-final-message, and the server-final-message that a server which knows the verifier will send. */
export function clientFinal(
  serverFirst: string,
  state: ScramClientState,
  keys: ScramKeys,
): { readonly message: string; readonly expectedServerFinal: string } {
  const { nonce } = readServerFirst(serverFirst, state);
  const withoutProof = `c=${Buffer.from(noBinding).toString('base64')},r=${nonce}`;
  const authMessage = `${state.clientFirstBare},${serverFirst},${withoutProof}`;
  const proof = xor(keys.clientKey, hmac(sha256(keys.clientKey), authMessage));
  return {
    message: `${withoutProof},p=${proof.toString('base64')}`,
    expectedServerFinal: `v=${hmac(keys.serverKey, authMessage).toString('base64')}`,
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  if (a.length !== b.length) throw malformed('a SCRAM message', 'the length of its proof');
  return Buffer.from(a.map((byte, at) => byte ^ b.readUInt8(at)));
}
