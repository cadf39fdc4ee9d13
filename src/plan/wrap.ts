import { styleText } from 'node:util';

/** Lines of at most `width` characters, broken between words; a word that is longer stands alone on its line, whole, so that it can be copied. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** `label` on the first line, the text beside it on all of them. */
export function hang(label: string, text: string, width: number): readonly string[] {
  const room = Math.max(20, width - label.length);
  return wrap(text, room).map((line, index) => (index === 0 ? label : ' '.repeat(label.length)) + line);
}

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colours decided by the caller alone, who knows the terminal and NO_COLOR. */
export function painter(color: boolean): Paint {
  return color ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}
