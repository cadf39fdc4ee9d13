import { createHmac, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  encodeMd5Request,
  encodeSaslContinue,
  encodeSaslFinal,
  encodeSaslRequest,
} from '../../wire/postgres/backend.ts';
import { readPassword, readSaslInitial, readSaslResponse } from '../../wire/postgres/frontend.ts';
import { checkMd5Answer, parseMd5Verifier, type Md5Verifier } from '../../wire/postgres/md5.ts';
import { malformed } from '../../wire/postgres/body.ts';
import {
  answerClientFirst,
  checkClientFinal,
  parseScramVerifier,
  type ScramVerifier,
} from '../../wire/postgres/scram.ts';
import type { Credential } from './connector.ts';
import type { LoginAttempts } from './login-limits.ts';
import { readFrame } from './socket-reader.ts';

const messageLimitBytes = 64 << 10;
/** So that the same unknown name meets the same salt, as with the server itself. Lives as long as the proxy. */
const mockSecret = randomBytes(32);

/**
 * Asks a client to prove that it knows the password behind `verifierText`, and returns what logs in to the backend on its behalf; undefined when
 * it does not know it. The last message of the exchange has then not been sent. Throws what `attempts` throws before it looks at a proof.
 */
export async function askForProof(
  socket: Socket,
  verifierText: string,
  attempts: LoginAttempts,
  signal: AbortSignal,
): Promise<{ readonly credential: Credential; readonly last: Buffer | undefined } | undefined> {
  const scram = parseScramVerifier(verifierText);
  if (scram !== undefined) return askForScram(socket, scram, attempts, signal);
  const md5 = parseMd5Verifier(verifierText);
  return md5 === undefined ? undefined : askForMd5(socket, md5, attempts, signal);
}

/** The same exchange for a role that does not exist or has no password: it cannot be told from a wrong password. */
export async function askInVain(
  socket: Socket,
  user: string,
  attempts: LoginAttempts,
  signal: AbortSignal,
): Promise<void> {
  const salt = createHmac('sha256', mockSecret).update(user).digest().subarray(0, 16);
  const nobody: ScramVerifier = { iterations: 4096, salt, storedKey: randomBytes(32), serverKey: randomBytes(32) };
  await askForScram(socket, nobody, attempts, signal);
}

async function askForScram(
  socket: Socket,
  verifier: ScramVerifier,
  attempts: LoginAttempts,
  signal: AbortSignal,
): Promise<{ readonly credential: Credential; readonly last: Buffer } | undefined> {
  socket.write(encodeSaslRequest(['SCRAM-SHA-256']));
  const { mechanism, message } = readSaslInitial(await readPasswordFrame(socket, signal));
  if (mechanism !== 'SCRAM-SHA-256') throw malformed('a SASL message', 'its mechanism was not offered');
  const state = answerClientFirst(message, verifier, randomBytes(18).toString('base64'));
  socket.write(encodeSaslContinue(state.serverFirst));
  const final = readSaslResponse(await readPasswordFrame(socket, signal));
  attempts.check();
  const checked = checkClientFinal(final, state, verifier);
  if (checked === undefined) {
    attempts.failed();
    return undefined;
  }
  return { credential: { kind: 'scram', keys: checked.keys }, last: encodeSaslFinal(checked.serverFinal) };
}

async function askForMd5(
  socket: Socket,
  verifier: Md5Verifier,
  attempts: LoginAttempts,
  signal: AbortSignal,
): Promise<{ readonly credential: Credential; readonly last: undefined } | undefined> {
  const challenge = randomBytes(4);
  socket.write(encodeMd5Request(challenge));
  const answer = readPassword(await readPasswordFrame(socket, signal));
  attempts.check();
  if (!checkMd5Answer(verifier, challenge, answer)) {
    attempts.failed();
    return undefined;
  }
  return { credential: { kind: 'md5', verifier }, last: undefined };
}

async function readPasswordFrame(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  const bytes = await readFrame(socket, messageLimitBytes, signal);
  if (bytes[0] !== 0x70) throw malformed('a login', 'another message came than the answer');
  return bytes;
}
