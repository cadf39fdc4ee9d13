import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { carrierRequestSchema, maxLineBytes } from '../../src/carriers/embedded/protocol.ts';
import { readAnswer } from '../../src/carriers/embedded/control-client.ts';
import { canonicalJson, type Json } from '../../src/journal/canonical.ts';
import { verifyChain, type RawRecord } from '../../src/journal/record.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { LineSplitter } from '../../src/kernel/lines.ts';
import { renderMistakes } from '../../src/spec/mistakes.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import { printableSpec } from '../../src/spec/spec.ts';
import { readFrame as readSpoolFrame, readHeader, visitRecords } from '../../src/sync/spool-format.ts';
import { PgoutputDecoder } from '../../src/systems/postgres/change-decoder.ts';
import { CopyScanner } from '../../src/systems/postgres/copy-frames.ts';
import { RecordReader } from '../../src/systems/postgres/record-reader.ts';
import { requestSchema } from '../../src/traffic/proxy/control-words.ts';
import { ClientMessages } from '../../src/traffic/proxy/client-messages.ts';
import { CustomSettings } from '../../src/traffic/proxy/custom-settings.ts';
import { FrameTap } from '../../src/traffic/proxy/frame-tap.ts';
import { greet } from '../../src/traffic/proxy/greeting.ts';
import { readFrame } from '../../src/traffic/proxy/socket-reader.ts';
import { Statements } from '../../src/traffic/proxy/statements.ts';
import { Units } from '../../src/traffic/proxy/units.ts';
import {
  readAuthentication,
  readCommandTag,
  readDataRow,
  readError,
  readKeyData,
  readParameterStatus,
} from '../../src/wire/postgres/backend.ts';
import { FrameReader, frameBody, type Frame } from '../../src/wire/postgres/frames.ts';
import {
  namedStatement,
  readParse,
  readPassword,
  readSaslInitial,
  readSaslResponse,
} from '../../src/wire/postgres/frontend.ts';
import { checkMd5Answer, parseMd5Verifier } from '../../src/wire/postgres/md5.ts';
import { decodeErrorFields, decodeReplicationMessage } from '../../src/wire/postgres/replication.ts';
import {
  answerClientFirst,
  checkClientFinal,
  clientFinal,
  clientFirst,
  deriveKeys,
  parseScramVerifier,
  readServerFirst,
  verifierOf,
} from '../../src/wire/postgres/scram.ts';
import { mysqlTargets } from './mysql-targets.ts';
import { corpusOf, type FuzzTarget } from './target.ts';
import { words } from './words.ts';

type Tell = (what: string) => void;

const frameLimitBytes = 1 << 20;

function eachFrame(limitBytes: number, take: (frame: Frame) => void): (chunks: readonly Buffer[]) => void {
  return (chunks) => {
    const reader = new FrameReader(limitBytes);
    for (const chunk of chunks) for (const frame of reader.push(chunk)) take(frame);
  };
}

/** What a walsender sends, as the receiver and then the applier read it. */
const replication: FuzzTarget = {
  name: 'replication stream',
  corpus: 'replication',
  read: (chunks, tell) => {
    const records = new RecordReader();
    const decoder = new PgoutputDecoder();
    eachFrame(1 << 30, (frame) => {
      if (frame.type !== 0x64) {
        tell(`frame ${frame.type}`);
        return;
      }
      const message = decodeReplicationMessage(frameBody(frame));
      if (message.kind === 'keepalive') {
        tell(`keepalive ${message.walEnd}`);
        return;
      }
      const record = records.read(message.payload);
      if (record === undefined) return;
      tell(`record ${record.kind}`);
      if (record.kind !== 'mark') tell(`event ${words(decoder.decode(record.payload))}`);
    })(chunks);
  },
};

const backendReaders: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  R: readAuthentication,
  S: readParameterStatus,
  K: readKeyData,
  D: readDataRow,
  C: readCommandTag,
  E: (bytes) => [readError(bytes), [...decodeErrorFields(bytes.subarray(5))]],
};

const backendMessages: FuzzTarget = {
  name: 'messages of a server',
  corpus: 'backend',
  read: (chunks, tell) => {
    eachFrame(frameLimitBytes, ({ type, bytes }) => {
      const letter = String.fromCharCode(type);
      tell(`${letter} ${words(backendReaders[letter]?.(bytes))}`);
    })(chunks);
  },
};

const frontendMessages: FuzzTarget = {
  name: 'messages of a client',
  corpus: 'frontend',
  read: (chunks, tell) => {
    eachFrame(frameLimitBytes, ({ type, bytes }) => {
      const letter = String.fromCharCode(type);
      if (letter === 'P') tell(`P ${words(readParse(bytes))}`);
      else if ('BDC'.includes(letter)) tell(`${letter} ${words(namedStatement(bytes))}`);
      else tell(letter);
    })(chunks);
  },
};

/** A stranger at the proxy's door: his greeting, then what would be his password. */
const greeting: FuzzTarget = {
  name: 'greeting',
  corpus: 'greeting',
  read: async (chunks, tell) => {
    const peer = new PassThrough();
    const answered: Buffer[] = [];
    const socket = Object.assign(peer, { write: (bytes: Buffer) => answered.push(bytes) > 0 }) as unknown as Socket;
    const push = PassThrough.prototype.push.bind(peer);
    for (const chunk of chunks) if (chunk.length > 0) push(Buffer.from(chunk));
    push(null);
    const signal = new AbortController().signal;
    try {
      const met = await greet(socket, undefined, signal);
      tell(words(met.greeting));
      if (met.greeting.kind !== 'startup') return;
      const bytes = await readFrame(socket, 64 << 10, signal);
      tell(words([readSaslInitial(bytes), readSaslResponse(bytes)]));
      tell(words(readPassword(await readFrame(socket, 64 << 10, signal))));
    } finally {
      tell(`answered ${Buffer.concat(answered).toString('latin1')}`);
      peer.destroy();
    }
  },
};

/** What the proxy learns from a client's messages on their way, when its session has moved once: then it looks at most of them. */
const tapped: FuzzTarget = {
  name: 'messages through the proxy',
  corpus: 'frontend',
  read: (chunks, tell) => {
    const out: Buffer[] = [];
    const units = new Units();
    const settings = new CustomSettings();
    const statements = new Statements();
    const holder: { tap?: FrameTap } = {};
    const messages = new ClientMessages({ units, statements, settings, insert: (bytes) => holder.tap?.insert(bytes) });
    messages.nextBackend({ kept: new Map([[20_000, 20_001]]), remembered: new Map([[20_000, 20_001]]) });
    const tap = new FrameTap(
      {
        gate: () => true,
        need: (type, length) => messages.need(type, length),
        see: (bytes, start, end, length) => messages.see(bytes, start, end, length),
      },
      (bytes) => out.push(Buffer.from(bytes)),
    );
    holder.tap = tap;
    const tellAll = (): void => tell(words([Buffer.concat(out), units.outstanding, units.midUnit, settings.names]));
    for (const chunk of chunks) tap.push(Buffer.from(chunk));
    tellAll();
  },
};

const copy: FuzzTarget = {
  name: 'COPY frames',
  corpus: 'copy',
  read: (chunks, tell) => {
    const scanner = new CopyScanner();
    let data = 0;
    let dataBytes = 0;
    const tellData = (): void => {
      if (dataBytes > 0) tell(`data ${dataBytes} ${data}`);
      [data, dataBytes] = [0, 0];
    };
    for (const chunk of chunks) {
      for (const piece of scanner.push(chunk)) {
        if (piece.kind === 'data') {
          data = crc32(piece.span, data);
          dataBytes += piece.span.length;
          continue;
        }
        tellData();
        tell(`message ${piece.type} ${words(piece.body)}`);
      }
    }
    tellData();
    tell(`at an end: ${scanner.atFrameEnd}`);
  },
  // What was found before an error is handed out chunk by chunk, so only errors can be compared when there is one.
  comparable: (told) => (told.at(-1)?.startsWith('refused') === true ? told.slice(-1) : told),
};

const knownKeys = deriveKeys('secret', Buffer.from('salt of sixteen.'), 1);
const verifier = verifierOf(knownKeys, Buffer.from('salt of sixteen.'), 1);

/** Each line is tried as every message of either role. */
const scram: FuzzTarget = {
  name: 'SCRAM',
  corpus: 'scram',
  read: (chunks, tell) => {
    for (const line of Buffer.concat(chunks).toString('utf8').split('\n')) {
      const client = clientFirst('rOprNGfwEbeRWgbNEkqO');
      const state = { gs2Header: 'n,,', nonce: 'n', clientFirstBare: 'n=,r=n', serverFirst: 'r=n,s=c2FsdA==,i=1' };
      tell(words(parseScramVerifier(line)));
      tell(words(parseMd5Verifier(line)));
      tell(words(checkMd5Answer({ hex: '0'.repeat(32) }, Buffer.alloc(4), line)));
      attempt(tell, () => answerClientFirst(line, verifier, 'server'));
      attempt(tell, () => checkClientFinal(line, state, verifier));
      attempt(tell, () => {
        const { salt, iterations } = readServerFirst(line, client);
        // The bound itself is a second of work: here only that there is one.
        return deriveKeys('x', salt, Math.min(iterations, 10));
      });
      attempt(tell, () => clientFinal(line, client, knownKeys));
    }
  },
};

function attempt(tell: Tell, work: () => unknown): void {
  try {
    tell(words(work()));
  } catch (error) {
    if (!isTealError(error, 'TEAL-WIRE-001')) throw error;
    tell('malformed');
  }
}

/** What is said on the control sockets of carrier and proxy, in both directions. */
const control: FuzzTarget = {
  name: 'lines of control',
  corpus: 'control',
  read: (chunks, tell) => {
    const lines = new LineSplitter(maxLineBytes);
    const decoder = new TextDecoder();
    for (const chunk of chunks) {
      for (const line of lines.push(decoder.decode(chunk, { stream: true }))) {
        tell(words([carrierRequestSchema.safeParse(json(line)).data, requestSchema.safeParse(json(line)).data]));
        try {
          tell(words(readAnswer(line)));
        } catch (error) {
          if (!isTealError(error)) throw error;
          tell('a failure');
        }
      }
    }
    tell(`overflowed: ${lines.overflowed}`);
  },
};

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function spoolRecords(bytes: Buffer, tell: Tell): void {
  let at = 0;
  let read = readSpoolFrame(bytes, at);
  for (; read.state === 'whole'; read = readSpoolFrame(bytes, at)) {
    const isWhole = visitRecords(bytes, read, (kind, text, from, to) => {
      const payload = bytes.subarray(from, to);
      tell(words({ kind, text, payload: kind === 'header' ? readHeader(payload) : payload }));
    });
    if (!isWhole) tell('a frame of no records');
    at = read.next;
  }
  tell(`${read.state} at ${at}`);
}

/** Damage on the disk: what is read before it is what was written. */
const spool: FuzzTarget = {
  name: 'damaged spool',
  corpus: 'spool',
  read: (chunks, tell) => spoolRecords(Buffer.concat(chunks), tell),
  check: (told) => {
    // Pieces of other files of the corpus are whole records too.
    const written = new Set<string>();
    for (const file of corpusOf(spool)) spoolRecords(file, (what) => written.add(what));
    if (told.slice(0, -1).some((what) => !written.has(what))) throw new Error('read what was never written');
  },
};

/** Records with a right checksum over anything. */
const checkedSpool: FuzzTarget = {
  name: 'spool with right checksums',
  corpus: 'spool',
  read: (chunks, tell) => spoolRecords(Buffer.concat(chunks), tell),
  mend: (input) => {
    const bytes = Buffer.from(input);
    for (let at = 0; at + 8 < bytes.length;) {
      const length = Math.min(bytes.readUInt32BE(at), bytes.length - at - 8);
      bytes.writeUInt32BE(length, at);
      bytes.writeUInt32BE(crc32(bytes.subarray(at + 8, at + 8 + length)), at + 4);
      at += 8 + Math.max(1, length);
    }
    return bytes;
  },
};

/** Rows as a tampered file could hold them; each line of the corpus is one. */
const journal: FuzzTarget = {
  name: 'records of a journal',
  corpus: 'journal',
  read: (chunks, tell) => {
    const rows = Buffer.concat(chunks)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Object(json(line)) as RawRecord);
    for (const record of verifyChain(rows)) tell(canonicalJson(JSON.parse(JSON.stringify(record)) as Json));
  },
  check: (told) => {
    // Pieces of other files of the corpus may make one whole again.
    const written = new Set<string>();
    for (const file of corpusOf(journal)) {
      try {
        void journal.read([file], (what) => written.add(what));
      } catch (error) {
        // What was itself found by changing: what comes before its damage was written.
        if (!isTealError(error)) throw error;
      }
    }
    const forged = told.find((what) => !what.startsWith('refused') && !written.has(what));
    if (forged !== undefined) throw new Error(`a record passed that was never written: ${forged}`);
  },
};

const password = 's3cr3t-of-the-environment';
const env = {
  BLUE_URL: `postgres://app:${password}@localhost/shop`,
  GREEN_URL: `postgres://app:${password}@localhost:5433/shop`,
};

const spec: FuzzTarget = {
  name: 'migration file',
  corpus: 'spec',
  read: (chunks, tell) => {
    const text = Buffer.concat(chunks).toString('utf8');
    const parsed = parseSpec(text, { env, readText: () => undefined });
    tell(parsed.ok ? words(printableSpec(parsed.spec)) : renderMistakes('teal.yaml', text, parsed.mistakes));
    if (!parsed.ok && parsed.mistakes.length === 0) throw new Error('refused without a word');
  },
  check: (told) => {
    if (told.join('\n').includes(password)) throw new Error('a password was printed');
  },
};

export const fuzzTargets: readonly FuzzTarget[] = [
  replication,
  backendMessages,
  frontendMessages,
  greeting,
  tapped,
  copy,
  scram,
  control,
  spool,
  checkedSpool,
  journal,
  spec,
  ...mysqlTargets,
];
