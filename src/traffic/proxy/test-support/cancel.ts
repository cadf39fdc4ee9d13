import { once } from 'node:events';
import { connect } from 'node:net';
import type { Client } from 'pg';
import { encodeCancel } from '../../../wire/postgres/startup.ts';

interface Listening {
  readonly proxy: { readonly port: number };
}

/** Resolves when the proxy has done what it does about it. */
export async function sendCancel(at: Listening, pid: number, secret: Buffer): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: at.proxy.port });
  socket.write(encodeCancel(pid, secret));
  socket.resume();
  await once(socket, 'close');
}

/** The number by which a client of the proxy knows itself. */
export function numberOf(client: Client): number {
  return (client as unknown as { readonly processID: number }).processID;
}

/** As a driver cancels what its client does. `wrongBy`: of the secret. */
export async function cancel(at: Listening, client: Client, wrongBy = 0): Promise<void> {
  const { secretKey } = client as unknown as { readonly secretKey: number };
  const secret = Buffer.alloc(4);
  secret.writeInt32BE((secretKey + wrongBy) | 0);
  await sendCancel(at, numberOf(client), secret);
}
