import { TealError } from '../../kernel/errors.ts';
import { tealVersion } from '../../kernel/version.ts';
import type { Side } from '../../model/catalog.ts';
import { readProxyConfig, type ProxyConfig, type ProxyConfigInput } from './config.ts';
import { readMysqlTarget } from './mysql/target.ts';
import { isMysqlUrl, readTarget } from './target.ts';

/** Of what is said on the control socket. Another number: the two do not understand each other. */
export const controlVersion = 1;

/** Whose proxy it is and how it runs. Without secrets. */
export interface ProxyIdentity {
  readonly control: number;
  /** Of Teal. */
  readonly version: string;
  readonly migration: string;
  /** `host:port/database` of each. */
  readonly sides: Readonly<Record<Side, string>>;
  /** Setting and value, as text. */
  readonly configuration: Readonly<Record<string, string>>;
}

/** What a running proxy says of itself. */
export interface ProxyAbout extends ProxyIdentity {
  readonly pid: number;
  /** That is listened on. */
  readonly port: number;
  /** `user`: by `teal proxy`, in the foreground; whoever runs it starts it again. */
  readonly startedBy: 'user' | 'controller';
  readonly workers?: Workers;
}

/** The processes that serve clients, where another directs them. */
export interface Workers {
  readonly pids: readonly number[];
  /** How many there ought to be. */
  readonly wanted: number;
}

/** What is of this moment, or said by other fields. */
const apart: ReadonlySet<string> = new Set(['migration', 'controlPath', 'known']);

/** Where the backends of one side are, as far as it says whose they are. */
export interface IdentifiedTarget {
  readonly host: string;
  readonly port: number;
  /** Undefined where a proxy is for all databases of a server. */
  readonly database?: string;
  readonly socketPath?: string;
  readonly tls: string;
}

export function identityOf(config: ProxyConfig, blue: IdentifiedTarget, green: IdentifiedTarget): ProxyIdentity {
  const settings = Object.entries(config).filter(([name, value]) => value !== undefined && !apart.has(name));
  return {
    control: controlVersion,
    version: tealVersion,
    migration: config.migration,
    sides: { blue: placeOf(blue), green: placeOf(green) },
    configuration: {
      ...Object.fromEntries(
        settings.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
      ),
      blueTls: blue.tls,
      greenTls: green.tls,
    },
  };
}

/** The identity that a proxy with these options would have. Errors: TEAL-TRAFFIC-006. */
export function wantedIdentity(options: {
  readonly config: ProxyConfigInput;
  readonly blueUrl: string;
  readonly greenUrl: string;
}): ProxyIdentity {
  const { blue, green } = identifiedTargets(options);
  return identityOf(readProxyConfig(options.config), blue, green);
}

/** Errors: TEAL-TRAFFIC-006. */
export function identifiedTargets({
  blueUrl,
  greenUrl,
}: {
  readonly blueUrl: string;
  readonly greenUrl: string;
}): Readonly<Record<Side, IdentifiedTarget>> {
  const read = (side: Side, url: string): IdentifiedTarget =>
    (isMysqlUrl(url) ? readMysqlTarget(side, url) : readTarget(side, url)).target;
  return { blue: read('blue', blueUrl), green: read('green', greenUrl) };
}

/**
 * Nothing when the proxy that answers is the wanted one. Else TEAL-TRAFFIC-009 (it belongs to another migration or other databases) or -010 (it runs with
 * another configuration, or speaks another version of the control protocol).
 */
export function mismatchOf(wanted: ProxyIdentity, found: ProxyAbout): TealError | undefined {
  const { pid } = found;
  if (found.control !== wanted.control) {
    return new TealError('TEAL-TRAFFIC-010', `the proxy that runs (pid ${pid}) is of another version of Teal`, {
      pid,
      runs: found.version ?? 'unknown',
      wanted: wanted.version,
    });
  }
  const strange = differences(
    { migration: wanted.migration, ...wanted.sides },
    { migration: found.migration, ...found.sides },
  );
  if (strange.length > 0) {
    return new TealError('TEAL-TRAFFIC-009', `the proxy that answers (pid ${pid}): ${strange.join('; ')}`, { pid });
  }
  const changed = differences(wanted.configuration, found.configuration);
  if (changed.length === 0) return undefined;
  return new TealError('TEAL-TRAFFIC-010', `the proxy that runs (pid ${pid}): ${changed.join('; ')}`, { pid });
}

function differences(
  wanted: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].toSorted();
  return names
    .filter((name) => wanted[name] !== found[name])
    .map((name) => `${name} is ${found[name] ?? 'not set'}, wanted is ${wanted[name] ?? 'not set'}`);
}

function placeOf({ host, port, database, socketPath }: IdentifiedTarget): string {
  return `${socketPath ?? `${host}:${port}`}/${database ?? ''}`;
}
