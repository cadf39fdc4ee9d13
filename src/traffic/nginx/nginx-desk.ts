import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { lateEnd, leadsNowhere, type Desk } from '../desk-router.ts';
import { oneAnswer } from '../one-answer.ts';
import { runProgram } from '../program.ts';
import { asBytes, readRouterFile, rewriteRouterFile, tryReplace } from '../router-file.ts';
import { directivesOf, nginxTimeMs, sideIn, withSide, type NginxSide, type NginxSides } from './directives.ts';

export interface NginxOptions {
  /** Path of the file of Teal's own that nginx includes in its `stream`: a `map` whose `default` names the upstream, and a `server` that answers with it. */
  readonly config: string;
  readonly sides: NginxSides;
  /** Programs and their arguments; no shell. Whether nginx would take its files (`nginx -T`, which also prints them), and that it is to read them anew. */
  readonly test: readonly string[];
  readonly reload: readonly string[];
  /** That of the migration file, where they run. */
  readonly folder: string;
  /** For each of them, and for what they bring about. */
  readonly timeoutMs: number;
  readonly maxPauseMs: number;
}

/** All files that nginx reads, as `nginx -T` prints them. */
const dumpBytes = 4 << 20;

/**
 * nginx as a router of TCP: two words of a file, tested, and a reload. After one, old workers take connections for a while beside the new ones; so each side has a place of its own where workers answer
 * that lead there, and nginx is pointed when nobody listens any more at that of the other side: a worker that stops listening does so everywhere at once. Errors: TEAL-TRAFFIC-016, -019, -021.
 */
export function nginxDesk(options: NginxOptions): Desk {
  const { config, sides, test, reload, folder, timeoutMs } = options;
  const run = async (command: readonly string[]): Promise<string> =>
    runProgram({ command, folder, timeoutMs, keptBytes: dumpBytes }, [], {});
  const asWritten = inBytes(sides);
  const read = async (): Promise<Seen> => {
    const file = sideIn(await readRouterFile(config), asWritten);
    const workers = { blue: await answerAt(sides.blue.status), green: await answerAt(sides.green.status) };
    if (workers.blue === undefined && workers.green === undefined) {
      throw new TealError('TEAL-TRAFFIC-021', `nobody listens at ${sides.blue.status} or ${sides.green.status}`);
    }
    const leads = (side: Side): boolean =>
      file === side && workers[side] === sides[side].upstream && workers[otherSide(side)] === undefined;
    return { side: (['blue', 'green'] as const).find(leads) ?? 'unknown', file, workers };
  };
  return {
    name: 'nginx',
    read: async () => ({ side: (await read()).side, isHolding: false }),
    async point(side) {
      // A reload that changes nothing would end connections all the same.
      if ((await read()).side === side) return '';
      const before = await readRouterFile(config);
      await rewriteRouterFile(config, (text) => withSide(text, asWritten, side));
      try {
        await run(test);
      } catch (error) {
        // With a file that it does not take nginx would not come up again.
        await rewriteRouterFile(config, () => before);
        throw error;
      }
      await run(reload);
      await pointed(async () => (await read()).side === side, side, timeoutMs);
      return '';
    },
    async look() {
      await tryReplace(config);
      const seen = await read();
      return [...leading(options, seen), ...settings(options, await run(test))];
    },
  };
}

interface Seen {
  /** Where both the file and the workers lead. */
  readonly side: Side | 'unknown';
  readonly file: Side | 'unknown';
  /** What is answered at the place of each side; undefined where nobody listens. */
  readonly workers: Readonly<Record<Side, string | undefined>>;
}

function inBytes({ blue, green }: NginxSides): NginxSides {
  const written = ({ upstream, status }: NginxSide): NginxSide => ({ upstream: asBytes(upstream), status });
  return { blue: written(blue), green: written(green) };
}

async function answerAt(status: string): Promise<string | undefined> {
  try {
    return (await oneAnswer(status, '', 'TEAL-TRAFFIC-021')).trim();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'ECONNREFUSED') return undefined;
    throw error;
  }
}

async function pointed(isThere: () => Promise<boolean>, side: Side, timeoutMs: number): Promise<void> {
  try {
    await waitFor({ what: `nginx to lead to ${side}`, timeoutMs }, async () => (await isThere()) || undefined);
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw new TealError('TEAL-TRAFFIC-021', 'after a reload workers lead where they did', { side }, error);
  }
}

function leading({ config, sides }: NginxOptions, { side, file, workers }: Seen): readonly RouterFinding[] {
  if (side !== 'unknown') return [];
  const told = (['blue', 'green'] as const).map((each) => {
    const answer = workers[each];
    return `at ${sides[each].status} ${answer === undefined ? 'nobody listens' : `the answer is ${answer.slice(0, 100)}`}`;
  });
  const leads = file === 'unknown' ? 'no one side' : sides[file].upstream;
  const mend = `Have the file name ${sides.blue.upstream} and ${sides.blue.status}, or ${sides.green.upstream} and ${sides.green.status}; see that nginx includes it, and that \`return\` has the variable of its map; reload nginx.`;
  return [leadsNowhere(`${config} leads to ${leads}; ${told.join(', ')}.`, mend)];
}

/** Of the files of nginx as its test has printed them. */
function settings({ sides, maxPauseMs }: NginxOptions, dump: string): readonly RouterFinding[] {
  if (!dump.includes('# configuration file ')) {
    return [
      {
        severity: 'warning',
        what: '`traffic.test` does not print the files of nginx, as `nginx -T` does.',
        why: 'Teal cannot see whether both upstreams are there, and whether connections end after a reload.',
        mend: 'Set worker_shutdown_timeout to a second or so; without it clients stay on the side that has lost, where their writes are refused.',
      },
    ];
  }
  const directives = directivesOf(dump);
  const missing = [sides.blue.upstream, sides.green.upstream].filter(
    (upstream) => !directives.some(({ name, words }) => name === 'upstream' && words[0]?.value === upstream),
  );
  const timeout = directives.find(({ name }) => name === 'worker_shutdown_timeout')?.words[0]?.value ?? '0';
  // 0 is none.
  const endsMs = nginxTimeMs(timeout) || undefined;
  const late = lateEnd('nginx', endsMs, maxPauseMs, 'Set `worker_shutdown_timeout 1s;` at the top of nginx.conf.');
  return [
    ...missing.map((upstream): RouterFinding => ({
      severity: 'blocker',
      what: `nginx has no upstream ${upstream}.`,
      why: 'Whom nginx leads there is disconnected.',
      mend: `Write \`upstream ${upstream} { server …; }\` into its \`stream\`.`,
    })),
    ...(late === undefined ? [] : [late]),
  ];
}
