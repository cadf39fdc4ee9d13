import { z } from 'zod';
import { isUnexpanded } from './environment.ts';
import type { Mistake } from './mistakes.ts';
import type { Places } from './places.ts';

/** The URLs of a document, read from where the file says they are. */
export interface Urls {
  readonly blue: string;
  readonly green: string;
  /** `traffic.admin`, where it is there. */
  readonly admin?: string;
  /** `traffic.url`, where it is there. */
  readonly webhook?: string;
  /** `schemaRegistry.url` of the sides, where it is there. */
  readonly registries?: { readonly blue?: string; readonly green?: string };
  /** Of `connect`, where it is there. */
  readonly connect?: {
    readonly workers: readonly string[];
    readonly kafka?: string;
    readonly blue?: string;
    readonly green?: string;
  };
}

type Read = { readonly ok: true; readonly url: string } | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** As much of the document as this needs, so that URLs are looked at also in a document that has mistakes elsewhere. */
const ofSide = z
  .object({
    url: z.unknown(),
    system: z.unknown().optional(),
    schemaRegistry: z.object({ url: z.unknown() }).optional().catch(undefined),
  })
  .catch({ url: undefined, system: undefined });
const sides = z.object({
  blue: ofSide,
  green: ofSide,
  traffic: z.object({ admin: z.unknown().optional(), url: z.unknown().optional() }).catch({}).default({}),
  connect: z
    .object({
      url: z.unknown().optional(),
      kafka: z.unknown().optional(),
      blue: z.unknown().optional(),
      green: z.unknown().optional(),
    })
    .optional()
    .catch(undefined),
});

/** How the URLs of a system begin, the first as it is shown. */
const schemes: Readonly<Record<string, readonly string[]>> = {
  postgres: ['postgres', 'postgresql'],
  mysql: ['mysql', 'mariadb'],
  mariadb: ['mysql', 'mariadb'],
  kafka: ['kafka'],
};
const inFile = z.strictObject({ file: z.string() });

/** Texts of `url` as they stood in the file, before the environment was put in. */
export interface WrittenUrls {
  readonly blue: unknown;
  readonly green: unknown;
  readonly admin: unknown;
  readonly webhook: unknown;
  readonly registries: Readonly<Record<'blue' | 'green', unknown>>;
  readonly connect: Readonly<Record<'kafka' | 'blue' | 'green', unknown>> & { readonly workers: readonly unknown[] };
}

export function writtenUrls(plain: unknown): WrittenUrls {
  const parsed = sides.safeParse(plain);
  const { blue, green, traffic, connect = {} } = parsed.data ?? {};
  return {
    blue: blue?.url,
    green: green?.url,
    admin: traffic?.admin,
    webhook: traffic?.url,
    registries: { blue: blue?.schemaRegistry?.url, green: green?.schemaRegistry?.url },
    connect: {
      workers: [connect.url].flat(),
      kafka: connect.kafka,
      blue: connect.blue,
      green: connect.green,
    },
  };
}

/** No mistake ever repeats any part of a URL: it may be the part with the password. */
export function readUrls(
  plain: unknown,
  written: WrittenUrls,
  readText: (path: string) => string | undefined,
  places: Places,
): { readonly urls: Urls; readonly mistakes: readonly Mistake[] } {
  const found = sides.safeParse(plain).data;
  const read = (side: 'blue' | 'green'): Read => {
    const at = { ...places.ofValue([side, 'url']), path: `${side}.url` };
    return readUrl(found?.[side].url, written[side], readText, schemesOf(found?.[side].system), at);
  };
  const [blue, green] = [read('blue'), read('green')];
  const ofTraffic = (word: 'admin' | 'url', text: unknown, expected: readonly string[]): Read => {
    const at = { ...places.ofValue(['traffic', word]), path: `traffic.${word}` };
    return readUrl(found?.traffic[word], text, readText, expected, at);
  };
  const admin = ofTraffic('admin', written.admin, schemes['postgres'] ?? []);
  const webhook = ofTraffic('url', written.webhook, ['https', 'http']);
  const ofRegistry = (side: 'blue' | 'green'): Read => {
    const at = { ...places.ofValue([side, 'schemaRegistry', 'url']), path: `${side}.schemaRegistry.url` };
    return readUrl(found?.[side].schemaRegistry?.url, written.registries[side], readText, ['https', 'http'], at);
  };
  const registries = { blue: ofRegistry('blue'), green: ofRegistry('green') };
  const connect = readConnect(found?.connect, written.connect, readText, places, {
    blue: schemesOf(found?.blue.system),
    green: schemesOf(found?.green.system),
  });
  const mistakes = [blue, green, admin, webhook, ...Object.values(registries), ...connect.read].flatMap((it) =>
    it.ok ? [] : it.mistakes,
  );
  const urls = {
    blue: blue.ok ? blue.url : '',
    green: green.ok ? green.url : '',
    ...(admin.ok ? { admin: admin.url } : {}),
    ...(webhook.ok ? { webhook: webhook.url } : {}),
    ...(found?.connect === undefined ? {} : { connect: connect.urls }),
    registries: {
      ...(registries.blue.ok ? { blue: registries.blue.url } : {}),
      ...(registries.green.ok ? { green: registries.green.url } : {}),
    },
  };
  if (urls.blue !== '' && urls.blue === urls.green) {
    mistakes.push({
      ...places.ofValue(['green', 'url']),
      path: 'green.url',
      message: 'expected another system than blue',
    });
  }
  return { urls, mistakes };
}

function readConnect(
  found: z.infer<typeof sides>['connect'],
  written: WrittenUrls['connect'],
  readText: (path: string) => string | undefined,
  places: Places,
  ofSides: Readonly<Record<'blue' | 'green', readonly string[]>>,
): { readonly read: readonly Read[]; readonly urls: NonNullable<Urls['connect']> } {
  const workers = [found?.url].flat().map((url, index) => {
    const place = Array.isArray(found?.url) ? ['connect', 'url', index] : ['connect', 'url'];
    const at = { ...places.ofValue(place), path: 'connect.url' };
    return readUrl(url, written.workers[index], readText, ['http', 'https'], at);
  });
  const one = (word: 'kafka' | 'blue' | 'green', expected: readonly string[]): Read =>
    readUrl(found?.[word], written[word], readText, expected, {
      ...places.ofValue(['connect', word]),
      path: `connect.${word}`,
    });
  const others = {
    kafka: one('kafka', schemes['kafka'] ?? []),
    blue: one('blue', ofSides.blue),
    green: one('green', ofSides.green),
  };
  const known = Object.entries(others).flatMap(([word, read]) => (read.ok ? [[word, read.url] as const] : []));
  return {
    read: [...workers, ...Object.values(others)],
    urls: { workers: workers.flatMap((read) => (read.ok ? [read.url] : [])), ...Object.fromEntries(known) },
  };
}

/** Of one that is not known, which the schema has told, none. */
function schemesOf(system: unknown = 'postgres'): readonly string[] {
  return typeof system === 'string' ? (schemes[system] ?? []) : [];
}

function readUrl(
  given: unknown,
  written: unknown,
  readText: (path: string) => string | undefined,
  /** Schemes; of a system that is not known, which the schema has told, none. */
  expected: readonly string[],
  at: Omit<Mistake, 'message'>,
): Read {
  const wrong = (message: string): Read => ({ ok: false, mistakes: [{ ...at, message }] });
  const file = inFile.safeParse(given);
  const text = file.success ? readText(file.data.file)?.trim() : given;
  if (file.success && text === undefined) return wrong('the file that it names cannot be read');
  // Neither a text nor a file: the schema has said so. A variable that is not set: told already.
  if (typeof text !== 'string' || text === '' || isUnexpanded(text)) return { ok: false, mistakes: [] };
  const [shown] = expected;
  if (shown === undefined) return { ok: false, mistakes: [] };
  if (!expected.some((scheme) => isUrlOf(scheme, text)))
    return wrong(`expected a${shown.startsWith('http') ? 'n' : ''} ${shown}:// URL`);
  if (holdsPassword(written)) {
    return wrong(
      'a password stands in the file: take the URL from the environment ("${BLUE_URL}") or from { file: path }',
    );
  }
  return { ok: true, url: text };
}

/** An address of a cluster names several hosts, which no parser of URLs takes. */
function isUrlOf(scheme: string, text: string): boolean {
  if (!text.startsWith(`${scheme}://`)) return false;
  return scheme === 'kafka' ? /^kafka:\/\/[^\s/?#]+/.test(text) : URL.canParse(text);
}

/** Of the text as it was written: a password that came from the environment is where it should be. */
function holdsPassword(written: unknown): boolean {
  if (typeof written !== 'string') return false;
  const password = /^[a-z]+:\/\/[^/@:]*:(?<password>[^@]*)@/.exec(written)?.groups?.['password'] ?? '';
  return (password !== '' && !password.includes('${')) || /[?&]password=(?!\$\{)[^&]/.test(written);
}
