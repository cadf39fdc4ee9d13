import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import {
  encodeAuthenticationOk,
  encodeReadyForQuery,
  encodeSaslContinue,
  encodeSaslRequest,
  status,
} from '../../wire/postgres/backend.ts';
import { readSaslInitial } from '../../wire/postgres/frontend.ts';
import { connectBackend } from './connector.ts';

/** A server that speaks SCRAM and has never seen the verifier. */
async function impostor(iterations: number): Promise<number> {
  const server = createServer((socket) => {
    let turn = 0;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      turn += 1;
      if (turn === 1) socket.write(encodeSaslRequest(['SCRAM-SHA-256']));
      if (turn === 2) {
        const nonce = /r=(.*)$/.exec(readSaslInitial(bytes).message)?.[1] ?? '';
        const salt = randomBytes(16).toString('base64');
        socket.write(encodeSaslContinue(`r=${nonce}x,s=${salt},i=${iterations}`));
      }
      // It leaves the message out in which it would have to prove itself.
      if (turn === 3) socket.write(Buffer.concat([encodeAuthenticationOk(), encodeReadyForQuery(status.idle)]));
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test.each([
  ['that ends SCRAM without its own proof', 4096, 'TEAL-TRAFFIC-003'],
  ['that asks for hours of work', 999_999_999, 'TEAL-WIRE-001'],
  ['that asks for no work at all', 0, 'TEAL-WIRE-001'],
])('a server %s is not believed', async (_name, iterations, expected) => {
  const target = {
    side: 'blue',
    host: '127.0.0.1',
    port: await impostor(iterations),
    database: 'd',
    tls: 'disable',
  } as const;
  const login = { user: 'u', credential: { kind: 'password', password: 'secret' }, parameters: new Map() } as const;
  const code = await connectBackend(target, login, 5_000, new AbortController().signal).then(
    () => 'let in',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
  expect(code).toBe(expected);
});
