import { isAscii, isUtf8 } from 'node:buffer';
import { upperHalves } from './single-byte.ts';

/** The text in UTF-8; undefined where the bytes are none in their character set. What is UTF-8 already comes back as it is. */
export type TextReader = (bytes: Buffer) => Buffer | undefined;

/**
 * Character sets by the number of a collation (information_schema.COLLATIONS; MariaDB's ID in COLLATION_CHARACTER_SET_APPLICABILITY): number, or first
 * and last. MariaDB counts a collation without padding 1024 higher, and gives the newer Unicode collations blocks of 256 from 2048 on; both families
 * mean the same by the rest.
 */
const collations: Readonly<Record<string, string>> = Object.freeze({
  big5: '1 84',
  latin2: '2 9 21 27 77',
  dec8: '3 69',
  cp850: '4 80',
  latin1: '5 8 15 31 47-49 94',
  hp8: '6 72',
  koi8r: '7 74',
  swe7: '10 82',
  ascii: '11 65',
  ujis: '12 91',
  sjis: '13 88',
  cp1251: '14 23 50-52',
  hebrew: '16 71',
  tis620: '18 89',
  euckr: '19 85',
  latin7: '20 41-42 79',
  koi8u: '22 75',
  gb2312: '24 86',
  greek: '25 70',
  cp1250: '26 34 44 66 99',
  gbk: '28 87',
  cp1257: '29 58-59',
  latin5: '30 78',
  armscii8: '32 64',
  utf8: '33 45-46 76 83 192-215 223-247 255-323 576-578 608-610 2048-2559',
  ucs2: '35 90 128-151 159 640-642 2560-2815',
  cp866: '36 68',
  keybcs2: '37 73',
  macce: '38 43',
  macroman: '39 53',
  cp852: '40 81',
  utf16: '54-55 101-124 672-674 2816-3071',
  utf16le: '56 62',
  cp1256: '57 67',
  utf32: '60-61 160-183 736-738 3072-3327',
  geostd8: '92-93',
  cp932: '95-96',
  eucjpms: '97-98',
  gb18030: '248-250',
});

const noPadding = 1024;

const setOfCollation: ReadonlyMap<number, string> = new Map(Object.entries(collations).flatMap(numbersOf));

function numbersOf([set, ranges]: readonly [string, string]): readonly (readonly [number, string])[] {
  const numbers: (readonly [number, string])[] = [];
  for (const range of ranges.split(' ')) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let number = first; number <= last; number += 1) {
      numbers.push([number, set]);
      if (number < noPadding) numbers.push([number + noPadding, set]);
    }
  }
  return numbers;
}

/** How a text in this collation is read. A set that Teal has no table of, or does not know, is read as far as it is ASCII. */
export function textReaderOf(collation: number): TextReader {
  const set = setOfCollation.get(collation) ?? '';
  const made = readers.get(set) ?? makeReader(set);
  readers.set(set, made);
  return made;
}

/** Read as a whole, by what they are; those of `upperHalves` are, too. */
const readWhole: ReadonlySet<string> = new Set(['ascii', 'binary', 'ucs2', 'utf16', 'utf16le', 'utf32']);

/** Whether every text of a character set, by the server's name for it, can be read from the log: of the others Teal has no table. */
export function readsCharacterSet(name: string): boolean {
  return /^utf8(?:mb[34])?$/.test(name) || readWhole.has(name) || upperHalves[name] !== undefined;
}

/** In which a letter of ASCII is written by other bytes, or those bytes stand for another. */
const withoutAscii: ReadonlySet<string> = new Set(['ucs2', 'utf16', 'utf16le', 'utf32', 'swe7', '']);

/** Which texts in this collation `textReaderOf` gives back as they are: those that are ASCII, all that are UTF-8, or nobody knows which. */
export function asciiOf(collation: number): 'ascii' | 'utf8 too' | 'none' {
  const set = setOfCollation.get(collation) ?? '';
  if (set === 'utf8') return 'utf8 too';
  return withoutAscii.has(set) ? 'none' : 'ascii';
}

const readers = new Map<string, TextReader>();

function makeReader(set: string): TextReader {
  switch (set) {
    case 'utf8':
      return (bytes) => (isUtf8(bytes) ? bytes : undefined);
    case 'ucs2':
    case 'utf16':
      return wideReader('utf-16be');
    case 'utf16le':
      return wideReader('utf-16le');
    case 'utf32':
      return readUtf32;
    // Its letters are those of ASCII under other numbers.
    case 'swe7':
    case '':
      return () => undefined;
    default: {
      const half = upperHalves[set];
      return half === undefined
        ? onlyAscii
        : singleByteReader(Buffer.from(half.join(''), 'base64').toString('utf16le'));
    }
  }
}

function onlyAscii(bytes: Buffer): Buffer | undefined {
  return isAscii(bytes) ? bytes : undefined;
}

const missing = '\ufffd';

function singleByteReader(upper: string): TextReader {
  return (bytes) => {
    if (isAscii(bytes)) return bytes;
    let text = '';
    for (const byte of bytes) text += byte < 128 ? String.fromCharCode(byte) : (upper[byte - 128] ?? missing);
    return text.includes(missing) ? undefined : Buffer.from(text, 'utf8');
  };
}

/** No mark of the order of bytes: U+FEFF is a character like others. */
function wideReader(encoding: 'utf-16be' | 'utf-16le'): TextReader {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return Buffer.from(decoder.decode(bytes), 'utf8');
    } catch {
      // Half a character, or a surrogate that is alone: the caller names the column.
      return undefined;
    }
  };
}

function readUtf32(bytes: Buffer): Buffer | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const point = bytes.readUInt32BE(at);
    if (point > 0x10_ff_ff || (point >= 0xd8_00 && point <= 0xdf_ff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return Buffer.from(text, 'utf8');
}
