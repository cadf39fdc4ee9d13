import { z } from 'zod';
import type { PlainCommand } from '../../../wire/mysql/plain-command.ts';
import type { PlainMessage } from '../../../wire/postgres/plain-message.ts';

/**
 * A capture is a file of lines, each one JSON object: the first is the header, all others are records. Several processes of a proxy add to one file, each line whole; lines of one session are in
 * their order, of different sessions nearly so: `t` tells. Texts of clients are one character a byte, whatever their encoding. docs/guide/capture.md describes it for others.
 */
export const captureVersion = 1;
/** Of captures that name their system, which version 1 does not. */
export const captureVersionOfMysql = 2;

const text = z.string();
/** Milliseconds since the header's `atIso`. */
const t = z.number();
const code = z.enum(['S', 'P']);
const numbers = z.array(z.int());

/** What a client says, in the protocol of its system. */
export type CapturedMessage = PlainMessage | PlainCommand;

const message: z.ZodType<CapturedMessage> = z.union([
  z.tuple([z.literal('Q'), text]),
  z.tuple([z.literal('P'), text, text, numbers]),
  z.tuple([z.literal('B'), text, text, numbers, z.array(text.nullable()), numbers]),
  z.tuple([z.literal('D'), code, text]),
  z.tuple([z.literal('E'), text, z.int()]),
  z.tuple([z.literal('C'), code, text]),
  z.tuple([z.literal('H')]),
  z.tuple([z.literal('X'), text, numbers, z.array(text.nullable())]),
  z.tuple([z.literal('I'), text]),
  z.tuple([z.literal('Z')]),
]);

const ofMysql: ReadonlySet<string> = new Set(['X', 'I', 'Z']);

export function isPlainMessage(said: CapturedMessage): said is PlainMessage {
  return !ofMysql.has(said[0]);
}

const ofPostgres: ReadonlySet<string> = new Set(['B', 'D', 'E', 'H']);

export function isPlainCommand(said: CapturedMessage): said is PlainCommand {
  return !ofPostgres.has(said[0]);
}

const header = z.strictObject({
  teal: z.literal('capture'),
  version: z.literal(captureVersion),
  migration: z.string(),
  atIso: z.iso.datetime(),
  /** Literals and parameters were replaced. */
  redacted: z.boolean(),
});
export const captureHeader = z.discriminatedUnion('version', [
  header,
  header.extend({ version: z.literal(captureVersionOfMysql), system: z.enum(['mysql', 'mariadb']) }),
]);
export type CaptureHeader = z.output<typeof captureHeader>;
export type CaptureFamily = 'postgres' | 'mysql';

/** Whose protocol the clients spoke. */
export function familyOfCapture({ version }: CaptureHeader): CaptureFamily {
  return version === captureVersion ? 'postgres' : 'mysql';
}

/** Why a process stopped to record. `time`, `size`: as was asked. `file`: it could not be written any more. */
export const endings = ['time', 'size', 'asked', 'file'] as const;
export type Ending = (typeof endings)[number];

const counts = z.record(z.string(), z.int());

export const captureRecord = z.discriminatedUnion('k', [
  /** A process (`p`, from 0) begins to record. */
  z.strictObject({ k: z.literal('begin'), p: z.int(), t }),
  /**
   * A session, with what it is at its first record: start-up parameters, parameters as its client knows them, and state of the session that differs from a new one. Of MySQL and MariaDB:
   * parameters are `collation` and `capabilities` of the login, nothing is shown, and each part of the state is what it is, nothing, and the statement that sets it; `database` has its name.
   */
  z.strictObject({
    k: z.literal('open'),
    s: text,
    t,
    user: text,
    parameters: z.record(z.string(), text),
    shown: z.record(z.string(), text),
    state: z.array(z.array(text.nullable())),
  }),
  /** What is answered by one ReadyForQuery: a Q, or extended messages up to a Sync, which is left out. Of MySQL: one command that is answered, and what it needs before. */
  z.strictObject({ k: z.literal('ask'), s: text, u: z.int(), t, m: z.array(message) }),
  /** It was answered, `ms` after its last Q or E (of MySQL: after the command) was passed on; with the SQLSTATE of its first error (of MySQL: the number). */
  z.strictObject({ k: z.literal('done'), s: text, u: z.int(), t, ms: z.number(), e: text.optional() }),
  z.strictObject({ k: z.literal('close'), s: text, t }),
  z.strictObject({
    k: z.literal('end'),
    p: z.int(),
    t,
    why: z.enum(endings),
    sessions: z.int(),
    asks: z.int(),
    /** Asks for which there was no room. */
    dropped: z.int(),
    /** Asks that are not recorded, by why. */
    leftOut: counts,
  }),
]);
export type CaptureRecord = z.output<typeof captureRecord>;
export type OpenRecord = Extract<CaptureRecord, { k: 'open' }>;
export type AskRecord = Extract<CaptureRecord, { k: 'ask' }>;
export type DoneRecord = Extract<CaptureRecord, { k: 'done' }>;

export function lineOf(record: CaptureRecord | CaptureHeader): string {
  return `${JSON.stringify(record)}\n`;
}
