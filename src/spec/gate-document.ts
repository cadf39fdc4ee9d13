import { z } from 'zod';
import { alertSources, longestBeliefMs } from '../model/alerts.ts';
import { duration, text } from './words.ts';

/** A question that must be answered yes before the cut, as a user writes it. */

export const gateDays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const clock = 'a time such as 02:00';
const timeOfDay = z.string(clock).regex(/^([01]\d|2[0-3]):[0-5]\d$/, clock);
const endOfDay = z.string(clock).regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, clock);

const zone = z.string('the name of a time zone, such as Europe/Berlin').superRefine((name, context) => {
  if (isZone(name)) return;
  const params = { words: Intl.supportedValuesOf('timeZone') };
  context.addIssue({ code: 'custom', message: 'the name of a time zone, such as Europe/Berlin', params });
});

const address = 'an https:// or http:// URL';
const url = z.string(address).superRefine((given, context) => {
  const parsed = URL.parse(given);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) context.addIssue({ code: 'custom', message: address });
  else if (parsed.username !== '' || parsed.password !== '') {
    context.addIssue({ code: 'custom', message: 'no user and no password in a URL: send them in `headers`' });
  }
});

const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'the name of a header'),
  z.string('a text in quotes').regex(/^[\t\x20-\x7e]{0,4000}$/, 'a text of one line'),
);

const window = z
  .strictObject({
    days: z
      .array(z.enum(gateDays))
      .min(1, 'at least one day')
      .optional()
      .describe('Days on which it opens. Default: every day.'),
    from: timeOfDay,
    to: endOfDay.describe('Before `from`: on the next day.'),
    zone: zone.describe('Whose clock: a name such as Europe/Berlin.'),
  })
  .superRefine(({ from, to }, context) => {
    if (from === to) context.addIssue({ code: 'custom', path: ['to'], message: 'another time than `from`' });
  });

const labels = z.record(
  z.string().regex(/^[^\s,:=]{1,200}$/, 'the name of a label'),
  z.string('a text in quotes').max(1_000, 'a text of up to 1000 characters'),
);

const key = z.string('a text in quotes').regex(/^[\x21-\x7e]{1,200}$/, 'a key');

const datadog = z
  .strictObject({
    query: text.optional().describe('A query of a metric …'),
    monitor: z
      .int()
      .min(1, 'the number of a monitor')
      .optional()
      .describe('… or the number of a monitor, which must be OK.'),
    apiKey: key.describe('Take it from the environment: "${DD_API_KEY}".'),
    applicationKey: key.describe('Take it from the environment: "${DD_APP_KEY}".'),
    url: url.optional().describe('Of the API of your site. Default: https://api.datadoghq.com.'),
  })
  .superRefine(({ query, monitor }, context) => {
    if ((query === undefined) === (monitor === undefined))
      context.addIssue({ code: 'custom', message: 'exactly one of query, monitor' });
  });

/** What each kind of gate may have beside it, and what it must have. */
const words = {
  lag: { may: ['for'] },
  verify: {},
  sql: { may: ['equals', 'on', 'within'] },
  command: {},
  person: {},
  http: { may: ['method', 'headers', 'body', 'status', 'pointer', 'equals', 'timeout', 'ca'] },
  prometheus: { must: ['url'], may: ['below', 'above', 'for', 'headers', 'timeout', 'ca'] },
  window: {},
  freeze: {},
  datadog: { may: ['below', 'above', 'for', 'timeout', 'ca'] },
  alert: { may: ['labels', 'from', 'staleAfter'] },
} as const satisfies Record<string, { readonly must?: readonly string[]; readonly may?: readonly string[] }>;

export const gateKinds = Object.keys(words) as readonly (keyof typeof words)[];

const gateObject = z.strictObject({
  lag: duration.optional().describe('The flow is not further behind than this …'),
  for: duration.optional().describe('… for at least this long. Beside `prometheus`: seen so as often as it is asked.'),
  verify: z.enum(['full']).optional().describe('Both sides are equal at one position.'),
  sql: text.optional().describe('A query with one value …'),
  equals: z
    .union([z.string(), z.number(), z.boolean()])
    .optional()
    .describe('… that must be this one. Beside `pointer`: of the same kind too, a text, a number, true or false.'),
  on: z
    .enum(['blue', 'green', 'both'])
    .optional()
    .describe('The side that the query is put to (default green). `both`: they must give the same value.'),
  within: z.number('a number').min(0, 'a number from 0').optional().describe('How far two numbers may be apart.'),
  command: z.array(text).min(1).optional().describe('A program and its arguments that must end with 0.'),
  person: text.optional().describe('Somebody must say yes: `teal cutover`.'),
  http: url.optional().describe('A URL that must answer with `status`, and with `equals` at `pointer`.'),
  method: z.enum(['GET', 'POST']).optional().describe('Default GET, or POST where there is a `body`.'),
  headers: headers
    .optional()
    .describe('Sent along. Take secrets from the environment: { Authorization: "Bearer ${TOKEN}" }.'),
  body: z.string().max(10_000, 'a text of up to 10000 characters').optional().describe('Sent as it stands.'),
  status: z
    .int()
    .min(100, 'a status from 100 to 599')
    .max(599, 'a status from 100 to 599')
    .optional()
    .describe('Default 200.'),
  pointer: z
    .string()
    .regex(/^(\/([^~/]|~[01])*)*$/, 'a JSON pointer such as /checks/0/state')
    .optional()
    .describe('Where in the JSON of the answer the value stands (RFC 6901).'),
  timeout: duration.optional().describe('How long the whole answer may take. Default 5s.'),
  ca: text.optional().describe('File with certificates that are trusted beside those of the system.'),
  prometheus: text.optional().describe('A query (PromQL) with one value …'),
  url: url.optional().describe('… put to the server at this URL.'),
  below: z.number('a number').optional().describe('The value must be below this.'),
  above: z.number('a number').optional().describe('The value must be above this.'),
  datadog: datadog.optional().describe('A metric, with `below` or `above`, or a monitor of Datadog.'),
  alert: text
    .max(200, 'a text of up to 200 characters')
    .optional()
    .describe(
      'An alert that must not fire, as monitoring tells `teal serve`: its name; of Datadog the number of the monitor.',
    ),
  labels: labels.optional().describe('Only alerts with all of these labels and values.'),
  from: z.enum(alertSources).optional().describe('Who tells of the alert. Default: alertmanager.'),
  staleAfter: duration
    .optional()
    .describe('How long a word of the alert is believed: at least twice the repeat interval. Default 5m.'),
  window: window
    .optional()
    .describe('Cuts begin only within this time of day, of these days, by the clock of this zone.'),
  freeze: text.optional().describe('A file with times in which no cut may begin. Format: docs/guide/gates.md.'),
});

/** A gate that is asked for longer holds up the others. */
const longestTimeoutMs = 10 * 60_000;

export const gateDocument = gateObject
  .superRefine((given, context) => {
    const tell = (message: string, path: readonly string[] = []): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    const [kind, second] = gateKinds.filter((each) => given[each] !== undefined);
    if (kind === undefined || second !== undefined) return tell(`exactly one of ${gateKinds.join(', ')}`);
    const { must = [], may = [] }: (typeof words)[keyof typeof words] & WordsBeside = words[kind];
    for (const word of must) if (given[word] === undefined) tell(`\`${word}\` beside \`${kind}\``);
    const left = Object.keys(given).filter((word) => word !== kind && ![...must, ...may].includes(word as Word));
    for (const word of left) tell(`\`${word}\` only beside ${kindsWith(word)}`, [word]);
    for (const message of missingWords(kind, given)) tell(message);
    if (given.datadog?.monitor !== undefined)
      for (const word of ['below', 'above', 'for'] as const)
        if (given[word] !== undefined) tell(`\`${word}\` only beside a \`query\`: a monitor is OK or is not`, [word]);
    if (given.below !== undefined && given.above !== undefined && given.above >= given.below)
      tell('less than `below`', ['above']);
    if (given.timeout !== undefined && (given.timeout < 100 || given.timeout > longestTimeoutMs))
      tell('a time from 100ms to 10m', ['timeout']);
    if (given.staleAfter !== undefined && (given.staleAfter < 10_000 || given.staleAfter > longestBeliefMs))
      tell('a time from 10s to 24h', ['staleAfter']);
    if (given.method === 'GET' && given.body !== undefined) tell('POST, for there is a `body`', ['method']);
  })
  .meta({ oneOf: gateKinds.map((kind) => ({ required: [kind] })) });

export type GateDocument = z.infer<typeof gateDocument>;

type Word = keyof GateDocument;
interface WordsBeside {
  readonly must?: readonly Word[];
  readonly may?: readonly Word[];
}

/** What one kind asks for that depends on what else is there. */
function missingWords(kind: keyof typeof words, given: z.infer<typeof gateObject>): readonly string[] {
  const hasRange = given.below !== undefined || given.above !== undefined;
  const needsRange = kind === 'prometheus' || (kind === 'datadog' && given.datadog?.monitor === undefined);
  if (needsRange && !hasRange) return [`\`below\` or \`above\`, or both, beside \`${kind}\``];
  if (kind === 'http' && (given.pointer === undefined) !== (given.equals === undefined))
    return ['`pointer` and `equals` together: where the value stands, and which it must be'];
  if (kind !== 'sql') return [];
  if (given.on === 'both')
    return given.equals === undefined ? [] : ['no `equals` with `on: both`: the sides are compared'];
  if (given.equals === undefined) return ['`equals` beside `sql`'];
  return given.within === undefined ? [] : ['`within` only with `on: both`'];
}

function kindsWith(word: string): string {
  const owners = gateKinds.filter((kind) => {
    const { must = [], may = [] }: WordsBeside = words[kind];
    return [...must, ...may].some((each) => each === word);
  });
  return owners.map((owner) => `\`${owner}\``).join(' or ');
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    // What a runtime says of a zone that it does not know.
    return false;
  }
}
