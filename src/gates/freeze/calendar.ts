import { LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { describeError, TealError } from '../../kernel/errors.ts';
import { clockOf } from '../wall-clock.ts';

/** Times in which no cut may begin, by the clock of a zone. */
export interface Calendar {
  readonly zone: string;
  readonly freezes: readonly Freeze[];
}

export interface Freeze {
  /** 2026-12-18T00:00, by the clock of the zone. `to` does not belong to it. */
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

const dateOrTime = 'a date such as 2026-12-18, or one with a time such as 2026-12-18T06:00';
const moment = z
  .string(dateOrTime)
  .regex(/^\d{4}-\d{2}-\d{2}([T ]([01]\d|2[0-3]):[0-5]\d)?$/, dateOrTime)
  .refine((given) => isDate(given.slice(0, 10)), 'a date that is in the calendar');

const document = z.strictObject({
  zone: z.string('the name of a time zone').refine(isZone, 'the name of a time zone, such as Europe/Berlin'),
  freezes: z
    .array(z.strictObject({ from: moment, to: moment, why: z.string().min(1).max(200) }))
    .max(1_000, 'at most 1000 of them'),
});

/**
 * Reads a calendar: YAML with a `zone` and `freezes` (`from`, `to`, `why`). A `to` that is a date without a time is its whole day. TEAL-GATES-003 with the
 * first mistake and its line.
 */
export function parseCalendar(text: string): Calendar {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
  const broken = parsed.errors[0];
  if (broken !== undefined) throw mistake(`line ${lines.linePos(broken.pos[0]).line}: ${firstLine(broken.message)}`);
  const read = document.safeParse(plainOf(parsed));
  if (!read.success) throw mistake(issueText(read.error.issues[0]));
  const freezes = read.data.freezes.map(({ from, to, why }) => ({ from: beginOf(from), to: endOf(to), why }));
  const empty = freezes.findIndex(({ from, to }) => from >= to);
  if (empty >= 0) throw mistake(`freezes.${empty}: \`to\` is not after \`from\``);
  return { zone: read.data.zone, freezes };
}

function plainOf(parsed: Document): unknown {
  try {
    return parsed.toJS({ maxAliasCount: 50 }) as unknown;
  } catch (error) {
    // Aliases that repeat themselves until the memory is full.
    throw mistake(firstLine(describeError(error)));
  }
}

/** The freeze that an instant falls into, of several the one that lasts longest; undefined when there is none. */
export function freezeAt({ zone, freezes }: Calendar, atMs: number): Freeze | undefined {
  const now = wallMoment(zone, atMs);
  // Moments of one form sort as texts do.
  return freezes.filter(({ from, to }) => from <= now && now < to).toSorted((a, b) => (a.to < b.to ? 1 : -1))[0];
}

/** What the clock of a zone shows, as a moment of a calendar. */
export function wallMoment(zone: string, atMs: number): string {
  const { date, minute } = clockOf(zone)(atMs);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date}T${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

function beginOf(moment: string): string {
  return moment.length === 10 ? `${moment}T00:00` : moment.replace(' ', 'T');
}

function endOf(moment: string): string {
  if (moment.length > 10) return beginOf(moment);
  const next = new Date(`${moment}T00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return `${next.toISOString().slice(0, 10)}T00:00`;
}

function isDate(text: string): boolean {
  const parsed = new Date(`${text}T00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text);
}

function isZone(name: string): boolean {
  try {
    clockOf(name);
    return true;
  } catch {
    // What a runtime says of a zone that it does not know.
    return false;
  }
}

function issueText(issue: z.core.$ZodIssue | undefined): string {
  return `${issue?.path.join('.') || 'the file'}: ${firstLine(issue?.message ?? '')}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 200) ?? '';
}

function mistake(what: string): TealError {
  return new TealError('TEAL-GATES-003', what, { where: what });
}
