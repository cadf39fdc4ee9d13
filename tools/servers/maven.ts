import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
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

const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';

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

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
