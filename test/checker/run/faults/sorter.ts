import { readFirstWord } from '../../../../src/wire/mysql/greeting.ts';
import { packetHeaderBytes } from '../../../../src/wire/mysql/packets.ts';
import {
  parseStartup,
  startupHeadBytes,
  startupLimitBytes,
  type StartupPacket,
} from '../../../../src/wire/postgres/startup.ts';

/** Reads the first packets of a client, until one says whose connection it is. What it takes is given back whole, to be passed on. */
export interface Sorter {
  /** `pass` may go to the server now; with `link` the connection is sorted, and there is nothing more to ask. */
  take(chunk: Buffer): { readonly pass: Buffer; readonly link?: string };
}

/** Undefined for what cannot be understood: another protocol, or an encrypted conversation. */
export type Classify = (said: StartupPacket | undefined) => string;

/** Of PostgreSQL's protocol. */
export class StartupSorter implements Sorter {
  readonly #classify: Classify;
  #pending = Buffer.alloc(0);

  constructor(classify: Classify) {
    this.#classify = classify;
  }

  take(chunk: Buffer): ReturnType<Sorter['take']> {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    let passed = 0;
    for (;;) {
      const rest = this.#pending.subarray(passed);
      if (rest.length < startupHeadBytes) break;
      const length = rest.readInt32BE(0);
      const isPacket = length >= startupHeadBytes && length <= startupLimitBytes;
      if (isPacket && rest.length < length) break;
      const said = isPacket ? parseStartup(rest.subarray(0, length)) : undefined;
      if (said?.kind !== 'tls' && said?.kind !== 'gss') return { pass: this.#pending, link: this.#classify(said) };
      passed += length;
    }
    const pass = this.#pending.subarray(0, passed);
    this.#pending = this.#pending.subarray(passed);
    return { pass };
  }
}

/** Of MySQL's protocol, where the server speaks first and a client's first packet is its login: by the name of its program, if it tells one. */
export class LoginSorter implements Sorter {
  readonly #classify: (program: string) => string;
  #pending = Buffer.alloc(0);

  constructor(classify: (program: string) => string) {
    this.#classify = classify;
  }

  take(chunk: Buffer): ReturnType<Sorter['take']> {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const end = packetHeaderBytes + (this.#pending.length < packetHeaderBytes ? 0 : this.#pending.readUIntLE(0, 3));
    if (this.#pending.length < Math.max(end, packetHeaderBytes)) return { pass: Buffer.alloc(0) };
    const said = readFirstWord(this.#pending.subarray(packetHeaderBytes, end));
    const program = said.kind === 'login' ? said.request.attributes.get('program_name') : undefined;
    return { pass: this.#pending, link: this.#classify(program ?? '') };
  }
}
