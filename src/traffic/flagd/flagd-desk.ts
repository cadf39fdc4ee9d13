import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { leadsNowhere, type Desk } from '../desk-router.ts';
import { asBytes, readRouterFile, rewriteRouterFile, tryReplace } from '../router-file.ts';
import { flagIn, withDefault, type Flag, type Variants } from './flags.ts';

export interface FlagdOptions {
  /** Path of the file that flagd reads, and watches. */
  readonly config: string;
  readonly flag: string;
  readonly variants: Variants;
  /** Of its OFREP: host:port. */
  readonly status: string;
  /** For an answer, and for a file to be taken. */
  readonly timeoutMs: number;
}

const limitBytes = 1 << 20;

/**
 * A feature flag by which applications choose the side themselves (OpenFeature), served by flagd from a file: its default is replaced in the file, which is moved into place, and it is pointed when flagd tells
 * that variant to whoever asks (OpenFeature Remote Evaluation Protocol). Errors: TEAL-TRAFFIC-016, TEAL-TRAFFIC-065.
 */
export function flagdDesk(options: FlagdOptions): Desk {
  const { config, flag: name } = options;
  const [flag, blue, green] = [name, options.variants.blue, options.variants.green].map(asBytes) as [
    string,
    string,
    string,
  ];
  const variants = { blue, green };
  const inFile = async (): Promise<Flag> => flagIn(await readRouterFile(config), flag, variants);
  const look = async (): Promise<Side | 'unknown'> => {
    const { side, isDisabled, isTargeted } = await inFile();
    // flagd knows no flag that is disabled: it need not be asked.
    if (isDisabled || isTargeted || side === 'unknown') return 'unknown';
    return (await evaluate(options)) === options.variants[side] ? side : 'unknown';
  };
  return {
    name: `flag ${name} of flagd`,
    read: async () => ({ side: await look(), isHolding: false }),
    async point(side) {
      if ((await look()) === side) return '';
      await rewriteRouterFile(config, (text) => withDefault(text, flag, variants, side), true);
      await told(look, options, side);
      return '';
    },
    async look() {
      await tryReplace(config);
      const seen = await inFile();
      const written = [...ofFile(options, seen), ...missing(options, seen, variants)];
      // What flagd does not take of such a file is no news.
      return [...(written.length > 0 ? written : await ofAnswer(options, seen)), connections];
    },
  };
}

async function told(look: () => Promise<Side | 'unknown'>, options: FlagdOptions, side: Side): Promise<void> {
  const { flag, timeoutMs } = options;
  try {
    await waitFor({ what: `flagd to tell ${side}`, timeoutMs }, async () =>
      (await look()) === side ? true : undefined,
    );
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw failed(options, `it does not tell ${options.variants[side]} as ${flag}`, error);
  }
}

function ofFile(
  { config, flag, variants }: FlagdOptions,
  { side, isDisabled, isTargeted }: Flag,
): readonly RouterFinding[] {
  if (isDisabled)
    return [
      leadsNowhere(`Flag ${flag} is not ENABLED in ${config}.`, 'Have it be: applications go by their own default.'),
    ];
  if (isTargeted) {
    const what = `Flag ${flag} has \`targeting\` in ${config}: it tells one application this and another that.`;
    return [leadsNowhere(what, 'Take it out before the cut: every writer must be on one side.')];
  }
  if (side !== 'unknown') return [];
  return [
    leadsNowhere(
      `The default of ${flag} in ${config} is neither ${variants.blue} nor ${variants.green}.`,
      'Have it be the variant of the live side.',
    ),
  ];
}

async function ofAnswer(options: FlagdOptions, { side }: Flag): Promise<readonly RouterFinding[]> {
  const { config, variants, status } = options;
  const answered = await evaluate(options);
  if (side === 'unknown' || answered === variants[side]) return [];
  return [
    leadsNowhere(
      `${config} says ${variants[side]}, and flagd at ${status} tells ${answered}.`,
      'See that flagd reads this file (`--uri file:…`) and has taken it: its log says why not.',
    ),
  ];
}

function missing(
  { flag, variants: { blue, green } }: FlagdOptions,
  { variants }: Flag,
  bytes: Variants,
): readonly RouterFinding[] {
  return (
    [
      ['blue', blue],
      ['green', green],
    ] as const
  )
    .filter(([side]) => !variants.includes(bytes[side]))
    .map(([, name]) => ({
      severity: 'blocker',
      what: `Flag ${flag} has no variant ${name}.`,
      why: 'flagd does not take a file whose default is no variant.',
      mend: `Add it to its \`variants\`, or name another one by traffic.blue and traffic.green.`,
    }));
}

const connections: RouterFinding = {
  severity: 'warning',
  what: 'A flag is asked by applications, when they ask.',
  why: 'Whoever asks at its start alone, or keeps its connections, stays on the side that has lost, where its writes are refused.',
  mend: 'Have applications ask for each connection that they make, or listen to changes of the flag, and give up the old ones within traffic.ttl.',
};

/** The variant that flagd tells whoever says nothing of itself (OFREP, `POST /ofrep/v1/evaluate/flags/{key}`). TEAL-TRAFFIC-065. */
async function evaluate(options: FlagdOptions): Promise<string> {
  const { status, flag, timeoutMs } = options;
  try {
    const response = await fetch(`http://${status}/ofrep/v1/evaluate/flags/${encodeURIComponent(flag)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ context: {} }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > limitBytes) throw failed(options, `it answers more than ${limitBytes} bytes`);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (!response.ok) throw failed(options, `it answered ${response.status}: ${text.trim().slice(0, 200)}`);
    const variant: unknown = Reflect.get(Object(JSON.parse(text)), 'variant');
    if (typeof variant !== 'string') throw failed(options, 'it answered no variant');
    return variant;
  } catch (error) {
    if (isTealError(error)) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw failed(options, cause instanceof Error ? cause.message : String(cause), error);
  }
}

function failed({ status }: FlagdOptions, why: string, cause?: unknown): TealError {
  return new TealError('TEAL-TRAFFIC-065', `flagd at ${status}: ${why}`, {}, cause);
}
