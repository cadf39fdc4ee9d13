import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TealError } from '../../src/kernel/errors.ts';
import { runProgram } from './run-program.ts';

/** One file of one release, pinned: the repository is asked where it is, not what it should be. */
export interface MavenArtifact {
  /** group:artifact:version, and :type:classifier where it is not a plain jar. */
  readonly coordinates: string;
  readonly filename: string;
  readonly sha256: string;
}

/** Several artifacts with everything that they need at run time, which their own poms say. */
export interface MavenClosure {
  readonly name: string;
  /** group:artifact:version of each. */
  readonly roots: readonly string[];
  /** Groups of what is left out: whoever loads these jars has it, or nobody needs it. */
  readonly without?: readonly string[];
  /** group:artifact of what is not even looked for, with all that it needs itself. */
  readonly unsought?: readonly string[];
  /** Of the lines `sha256  filename` of all jars, in the order of their names. */
  readonly sha256: string;
}

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1';
const copyGoal = `${plugin}:copy`;

/**
 * The file, checked, in `folder`. Through Maven, whose settings know a mirror and its certificates. TEAL-TOOLS-001 when it cannot be fetched,
 * TEAL-TOOLS-004 when other bytes arrive.
 */
export async function downloadArtifact(artifact: MavenArtifact, folder: string): Promise<string> {
  const wanted = [`-Dartifact=${artifact.coordinates}`, `-DoutputDirectory=${folder}`];
  try {
    await runProgram('mvn', ['-q', '-B', copyGoal, ...wanted], { cwd: folder, timeoutMs: 1_800_000 });
  } catch (error) {
    throw new TealError('TEAL-TOOLS-001', `Maven could not fetch ${artifact.coordinates}`, {}, error);
  }
  const path = join(folder, artifact.filename);
  const sha256 = await digestOf(path);
  if (sha256 !== artifact.sha256) {
    throw new TealError('TEAL-TOOLS-004', `${artifact.filename} has another sha256`, {
      expected: artifact.sha256,
      sha256,
    });
  }
  return path;
}

/**
 * All jars of the closure, checked, in `folder`: a pom names what is wanted and Maven works out the rest. Errors: as `downloadArtifact`; TEAL-TOOLS-004 also when a
 * jar is missing or there is one more.
 */
export async function downloadClosure(
  { name, roots, without = [], unsought = [], sha256 }: MavenClosure,
  folder: string,
): Promise<void> {
  const pom = join(folder, 'pom.xml');
  await writeFile(pom, pomOf(roots, unsought));
  const left = without.length === 0 ? [] : [`-DexcludeGroupIds=${without.join(',')}`];
  const wanted = [`-DoutputDirectory=${folder}`, '-DincludeScope=runtime', ...left];
  try {
    await runProgram('mvn', ['-q', '-B', '-f', pom, `${plugin}:copy-dependencies`, ...wanted], {
      timeoutMs: 1_800_000,
    });
  } catch (error) {
    throw new TealError('TEAL-TOOLS-001', `Maven could not fetch ${name}`, {}, error);
  }
  await rm(pom);
  const lines: string[] = [];
  for (const jar of (await readdir(folder)).sort()) lines.push(`${await digestOf(join(folder, jar))}  ${jar}\n`);
  const found = createHash('sha256').update(lines.join('')).digest('hex');
  if (found !== sha256) {
    throw new TealError('TEAL-TOOLS-004', `the jars of ${name} are not those that were tested`, {
      expected: sha256,
      sha256: found,
      jars: lines.length,
    });
  }
}

function pomOf(roots: readonly string[], unsought: readonly string[]): string {
  const exclusions = unsought.map((each) => {
    const [group = '', artifact = ''] = each.split(':');
    return `<exclusion><groupId>${group}</groupId><artifactId>${artifact}</artifactId></exclusion>`;
  });
  const dependencies = roots.map((root) => {
    const [group = '', artifact = '', version = ''] = root.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version><exclusions>${exclusions.join('')}</exclusions></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>teal</groupId>
  <artifactId>servers</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
