/**
 * Whose a session is: the value of a setting that was given when it connected, as a start-up parameter of its own or in `options` (`-c app.tenant_id=17`, `--app.tenant_id=17`; the last one counts, as on the
 * server). Undefined where it was not given. What is set later is not looked at: the gates of both sides refuse what does not belong there. Pure.
 */
export function tenantOf(parameters: ReadonlyMap<string, string>, setting: string): string | undefined {
  const wanted = setting.toLowerCase();
  const [own] = [...parameters].filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  // A parameter of its own is set after those in `options`.
  return own ?? settingsOf(parameters.get('options') ?? '').findLast(([name]) => name.toLowerCase() === wanted)?.[1];
}

function settingsOf(options: string): readonly (readonly [string, string])[] {
  const words = wordsOf(options);
  return words.flatMap((word, at) => {
    if (word === '-c') return pairOf(words[at + 1] ?? '', false);
    if (word.startsWith('--')) return pairOf(word.slice(2), true);
    return word.startsWith('-c') ? pairOf(word.slice(2), false) : [];
  });
}

/** In a long option the server takes - for _. */
function pairOf(text: string, isLong: boolean): readonly (readonly [string, string])[] {
  const at = text.indexOf('=');
  if (at < 1) return [];
  const name = text.slice(0, at);
  return [[isLong ? name.replaceAll('-', '_') : name, text.slice(at + 1)]];
}

/** Words are split at spaces, a backslash keeps the next character (manual: libpq "options"). */
function wordsOf(options: string): readonly string[] {
  return [...options.matchAll(/(?:\\[\s\S]|[^\s\\])+/g)].map(([word]) => word.replaceAll(/\\([\s\S])/g, '$1'));
}
