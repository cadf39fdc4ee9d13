import {
  parseStartup,
  startupHeadBytes,
  startupLimitBytes,
  type StartupPacket,
} from '../../../../src/wire/postgres/startup.ts';

/** Undefined for what cannot be understood: another protocol, or an encrypted conversation. */
export type Classify = (said: StartupPacket | undefined) => string;

/** Reads the first packets of a client, until one says whose connection it is. What it takes is given back whole, to be passed on. */
export class Sorter {
  readonly #classify: Classify;
  #pending = Buffer.alloc(0);

  constructor(classify: Classify) {
    this.#classify = classify;
  }

  /** `pass` may go to the server now; with `link` the connection is sorted, and there is nothing more to ask. */
  take(chunk: Buffer): { readonly pass: Buffer; readonly link?: string } {
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
