/** How a collation of MySQL holds texts to be equal, as far as its name says so. */
export interface TextEquality {
  readonly caseSensitive: boolean;
  readonly accentSensitive: boolean;
  /** Blanks at the end do not count, or may not. */
  readonly pads: boolean;
  /** Every character is itself, whatever locale: `_bin`. */
  readonly binary: boolean;
  /** The locale of ICU that comes nearest, without what it says of case and accents. */
  readonly locale: string;
  /** The name tells a language for which no locale is known here. */
  readonly unknownLanguage: boolean;
}

/** Words and codes in names of collations → locales of ICU. */
const locales: Readonly<Record<string, string>> = {
  croatian: 'hr',
  hr: 'hr',
  czech: 'cs',
  cs: 'cs',
  danish: 'da',
  da: 'da',
  esperanto: 'eo',
  eo: 'eo',
  estonian: 'et',
  et: 'et',
  german2: 'de-u-co-phonebk',
  de_pb: 'de-u-co-phonebk',
  hungarian: 'hu',
  hu: 'hu',
  icelandic: 'is',
  is: 'is',
  latvian: 'lv',
  lv: 'lv',
  lithuanian: 'lt',
  lt: 'lt',
  polish: 'pl',
  pl: 'pl',
  romanian: 'ro',
  ro: 'ro',
  slovak: 'sk',
  sk: 'sk',
  slovenian: 'sl',
  sl: 'sl',
  spanish: 'es',
  es: 'es',
  spanish2: 'es-u-co-trad',
  es_trad: 'es-u-co-trad',
  swedish: 'sv',
  sv: 'sv',
  turkish: 'tr',
  tr: 'tr',
  vietnamese: 'vi',
  vi: 'vi',
  persian: 'fa',
  sinhala: 'si',
  bg: 'bg',
  bs: 'bs',
  gl: 'gl',
  mn_cyrl: 'mn-Cyrl',
  nb: 'nb',
  nn: 'nn',
  ru: 'ru',
  sr_latn: 'sr-Latn',
  // ICU has none of its own for it.
  la: 'und',
  german1: 'und',
  general: 'und',
  general_mysql500: 'und',
  unicode: 'und',
  unicode_520: 'und',
  '0900': 'und',
  uca1400: 'und',
};

/** Collations that tell accents though their names do not say so (as the servers compare `e` and `é`). */
const tellsAccents =
  /^(?:latin1|latin7|cp850|cp1256)_general_(?:nopad_)?ci$|^cp1257_lithuanian_|^hp8_english_|_(?:japanese|chinese|korean|tolower)_(?:nopad_)?ci$|_w2$/;

/** Of `utf8mb4_de_pb_0900_ai_ci`, `latin1_swedish_ci`, `utf8mb4_uca1400_nopad_as_ci`, `utf8mb4_bin`. */
export function equalityOf(collation: string): TextEquality {
  const name = collation.toLowerCase();
  const binary = name === 'binary' || name.endsWith('_bin');
  const caseSensitive = binary || /_cs(_ks)?$/.test(name);
  // Names from before accents were told apart from case do not say: most hold them to be equal where they ignore case.
  const says = /_as(_c[is])?(_ks)?$/.test(name) || tellsAccents.test(name);
  const accentSensitive = binary || says || (caseSensitive && !name.endsWith('_ai_cs'));
  // What MariaDB calls utf8mb4_0900_bin pads, MySQL's does not: of a name alone the worse must be held to be true.
  const pads = name !== 'binary' && !/_nopad_|_0900_(?!bin)/.test(name);
  const middle = /^[a-z0-9]+?_(?:uca1400_)?(.*?)_?(?:nopad_)?(?:as_|ai_)?(?:ci|cs|bin|as|ai)$/.exec(name)?.[1] ?? '';
  const language = middle.replace(/_?(0900|nopad|mysql561)$/, '');
  const locale = language === '' || binary ? 'und' : locales[language];
  return {
    caseSensitive,
    accentSensitive,
    pads,
    binary,
    locale: locale ?? 'und',
    unknownLanguage: locale === undefined,
  };
}

export interface PgCollation {
  /** Without a schema. */
  readonly name: string;
  /** Of ICU: `und-u-ks-level1`. */
  readonly locale: string;
}

/** The nondeterministic collation that comes nearest; undefined for a collation under which every character is itself. */
export function icuCollationFor(equality: TextEquality): PgCollation | undefined {
  if (equality.caseSensitive && equality.accentSensitive) return undefined;
  const strength = equality.accentSensitive ? 'ks-level2' : 'ks-level1';
  const keys = equality.caseSensitive ? `kc-true-${strength}` : strength;
  const locale = `${equality.locale}${equality.locale.includes('-u-') ? '-' : '-u-'}${keys}`;
  const words = [equality.accentSensitive ? 'as' : 'ai', equality.caseSensitive ? 'cs' : 'ci'].join('_');
  return { name: `mysql_${equality.locale.replace(/-u-co-|-/g, '_')}_${words}`, locale };
}

/**
 * The collation of the source's own that comes nearest to that of the target, to look for texts that become equal: both take the Unicode Collation Algorithm. MariaDB's
 * exist from 10.10 on.
 */
export function likeIcu(equality: TextEquality, flavour: 'mysql' | 'mariadb'): string {
  const accents = equality.accentSensitive ? 'as' : 'ai';
  const names = Object.keys(locales).filter((name) => locales[name] === equality.locale && equality.locale !== 'und');
  if (flavour === 'mariadb') {
    const word = names.find((name) => !isCode(name));
    return `utf8mb4_uca1400_${word === undefined ? '' : `${word}_`}nopad_${accents}_${equality.caseSensitive ? 'cs' : 'ci'}`;
  }
  // Of languages MySQL has no collation that tells accents and not cases; no `_ai_cs` at all.
  const code = accents === 'as' ? undefined : names.find(isCode);
  return `utf8mb4_${code === undefined ? '' : `${code}_`}0900_${accents}_ci`;
}

function isCode(name: string): boolean {
  return name.length === 2 || name.includes('_');
}
