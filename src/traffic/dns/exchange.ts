import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { nowMs, within } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { opcodes, queryFor, rcodeName, updateOf, type DnsMessage, type Update } from '../../wire/dns/message.ts';
import { readSigned, sign, type TsigKey } from '../../wire/dns/tsig.ts';

/** A server of DNS, and the key by which it knows Teal. */
export interface DnsServer {
  readonly host: string;
  readonly port: number;
  readonly key: TsigKey;
  readonly timeoutMs: number;
}

/** What the server itself says of a name, signed. TEAL-TRAFFIC-023 where it says that it knows nothing, or is not the one to ask; TEAL-WIRE-001, -006. */
export async function askDns(server: DnsServer, name: string, type: number): Promise<DnsMessage> {
  const answer = await exchange(server, (id) => queryFor(id, name, type), opcodes.query);
  // NXDOMAIN: a name that is not there has no records.
  if (answer.rcode !== 0 && answer.rcode !== 3) throw failed(server, `it answers ${rcodeName(answer.rcode)}`);
  if (!answer.isAuthoritative) throw failed(server, `it has no authority over ${name}`);
  return answer;
}

/** Sends one update and returns the code of the answer (RFC 2136 section 3.8): 0 when it is done, and durable as far as the server makes it so. */
export async function updateDns(server: DnsServer, update: Update): Promise<number> {
  return (await exchange(server, (id) => updateOf(id, update), opcodes.update)).rcode;
}

/** One question over TCP, whose answers are never cut short (RFC 7766). */
async function exchange(server: DnsServer, make: (id: number) => Buffer, opcode: number): Promise<DnsMessage> {
  const { host, port, key, timeoutMs } = server;
  const id = randomInt(0x1_0000);
  const { bytes, mac } = sign(make(id), key, Math.floor(nowMs() / 1_000));
  const late = (): TealError => failed(server, `it did not answer in ${timeoutMs} ms`);
  try {
    return await within(timeoutMs, late, async (signal) => {
      const socket = connect({ host, port });
      const abandon = (): void => void socket.destroy();
      signal.addEventListener('abort', abandon, { once: true });
      try {
        socket.write(Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]));
        const answer = readSigned(await oneMessage(server, socket), key, mac, Math.floor(nowMs() / 1_000));
        if (answer.id !== id || !answer.isAnswer || answer.opcode !== opcode)
          throw failed(server, 'it answers something else');
        return answer;
      } finally {
        socket.destroy();
      }
    });
  } catch (error) {
    if (isTealError(error)) throw error;
    throw failed(server, error instanceof Error ? error.message : String(error), error);
  }
}

/** Two bytes of length, and so many (RFC 1035 section 4.2.2). */
async function oneMessage(server: DnsServer, socket: Socket): Promise<Buffer> {
  let arrived = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    arrived = Buffer.concat([arrived, chunk]);
    const end = arrived.length < 2 ? Infinity : 2 + arrived.readUInt16BE(0);
    if (arrived.length >= end) return arrived.subarray(2, end);
  }
  throw failed(server, 'it hung up without an answer');
}

export function failed({ host, port }: Pick<DnsServer, 'host' | 'port'>, why: string, cause?: unknown): TealError {
  return new TealError('TEAL-TRAFFIC-023', `the server at ${host}:${port}: ${why}`, {}, cause);
}
