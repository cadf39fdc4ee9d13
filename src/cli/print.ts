import { styleText } from 'node:util';
import { describeError, isTealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { wrap as wrapWords } from '../plan/wrap.ts';
import { SpecMistakes } from '../app/load-spec.ts';

export type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours only where a person looks, and NO_COLOR is honoured: `styleText` asks the stream. */
export function tone(format: Tone, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(format, text, { stream });
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(jsonText(value, 2));
}

/** Big integers as text: JSON's readers would round them. */
export function jsonText(value: unknown, indent?: number): string {
  const plain = (_: string, item: unknown): unknown => (typeof item === 'bigint' ? item.toString() : item);
  return JSON.stringify(value, plain, indent);
}

/** Text in lines of at most `width` columns, each with the indent. */
export function wrap(text: string, width = 78, indent = ''): string {
  return wrapWords(text, width - indent.length)
    .map((line) => indent + line)
    .join('\n');
}

/** An error as its reader needs it: code, what happened, what to do, and whether data may differ. */
export function errorText(error: unknown): string {
  if (error instanceof SpecMistakes) return error.rendered;
  if (!isTealError(error)) return `teal: ${redact(describeError(error))}`;
  const { entry, code } = error;
  const differ = { no: 'no', yes: 'YES', unknown: 'not known' }[entry.dataMayDiffer];
  const rows: readonly (readonly [string, string])[] = [
    ['where', redact(error.message.replace(`${code}: `, ''))],
    ['what', entry.happened],
    ['do', entry.doThis],
    ['data may differ', differ],
  ];
  const head = `${tone('red', code, process.stderr)} ${tone('bold', entry.summary, process.stderr)}`;
  const { findings } = error.facts;
  const listed = Array.isArray(findings) ? findings.map((each: string) => wrap(`- ${each}`, 78, '    ')) : [];
  const body = rows.map(([name, text]) => `${tone('dim', `  ${name}:`, process.stderr)}\n${wrap(text, 78, '    ')}`);
  return [head, ...body.slice(0, 1), ...listed, ...body.slice(1)].join('\n');
}

/** The same for a program that reads it. */
export function errorJson(error: unknown): unknown {
  if (!isTealError(error)) return { error: { message: redact(describeError(error)) } };
  const { entry, code, facts } = error;
  const mistakes = error instanceof SpecMistakes ? { mistakes: error.mistakes } : {};
  return { error: { code, message: redact(error.message), ...entry, facts, ...mistakes } };
}
