import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import { malformed } from '../../wire/postgres/body.ts';
import { parseStartup, startupHeadBytes, startupLength, type StartupPacket } from '../../wire/postgres/startup.ts';
import { readExactly } from './socket-reader.ts';

export type Greeting = Exclude<StartupPacket, { kind: 'tls' | 'gss' }>;

const tlsHandshake = 0x16;
const [yes, no] = [Buffer.from('S'), Buffer.from('N')];

/**
 * The first words of a client: TLS if both want it, asked for or started directly (PostgreSQL 17's sslnegotiation=direct), then its start-up or
 * cancel packet. The socket returned is the one to go on with, possibly encrypted.
 */
export async function greet(
  plain: Socket,
  context: SecureContext | undefined,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket; readonly greeting: Greeting }> {
  const first = await readExactly(plain, 1, signal);
  plain.unshift(first);
  if (first[0] !== tlsHandshake) return converse(plain, context, signal);
  if (context === undefined) throw malformed('a greeting', 'it starts TLS, which is not configured');
  const socket = await encrypt(plain, context, signal);
  if (socket.alpnProtocol !== 'postgresql') {
    socket.destroy();
    throw malformed('a greeting', 'direct TLS without the protocol name postgresql');
  }
  return converse(socket, context, signal);
}

async function converse(
  first: Socket,
  context: SecureContext | undefined,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket; readonly greeting: Greeting }> {
  let socket = first;
  // TLS and GSS may be asked for once each, as the server allows.
  for (let asked = 0; asked < 3; asked += 1) {
    const packet = await readPacket(socket, signal);
    if (packet.kind === 'gss') {
      socket.write(no);
    } else if (packet.kind !== 'tls') {
      return { socket, greeting: packet };
    } else if (context === undefined || socket instanceof TLSSocket) {
      socket.write(no);
    } else {
      // Bytes that came before encryption must not be taken for encrypted ones (CVE-2021-23214).
      if (socket.readableLength > 0) throw malformed('a greeting', 'plain bytes after the request for TLS');
      socket.write(yes);
      socket = await encrypt(socket, context, signal);
    }
  }
  throw malformed('a greeting', 'it asks for encryption again and again');
}

async function readPacket(socket: Socket, signal: AbortSignal): Promise<StartupPacket> {
  const head = await readExactly(socket, startupHeadBytes, signal);
  const length = startupLength(head);
  if (length === startupHeadBytes) return parseStartup(head);
  return parseStartup(Buffer.concat([head, await readExactly(socket, length - startupHeadBytes, signal)]));
}

async function encrypt(plain: Socket, secureContext: SecureContext, signal: AbortSignal): Promise<TLSSocket> {
  const socket = new TLSSocket(plain, { isServer: true, secureContext, ALPNProtocols: ['postgresql'] });
  await once(socket, 'secure', { signal });
  return socket;
}
