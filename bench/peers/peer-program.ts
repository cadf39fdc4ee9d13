import { runProgram } from '../../tools/servers/run-program.ts';

/** A peer's program: where it is, what its environment must have, and what it says of itself. */
export interface PeerProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /** With its name: `mydumper 0.10.1`. */
  readonly version: string;
}

/** Asks a program for its version: the first number with a point in what it says. TEAL-TOOLS-005 where it does not run. */
export async function peerProgram(
  name: string,
  path: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = ['--version'],
): Promise<PeerProgram> {
  const said = await runProgram(path, args, { env: { ...process.env, ...env } });
  return Object.freeze({ path, env, version: `${name} ${versionIn(said)}` });
}

/** Those of MySQL and MariaDB tell the protocol's or the client's version first, `Distrib` before the one that is meant. */
export function versionIn(said: string): string {
  return (/Distrib (\d[\w.]*\w)/.exec(said) ?? /(\d+\.\d+[\w.]*\w)/.exec(said))?.[1] ?? 'of unknown version';
}
