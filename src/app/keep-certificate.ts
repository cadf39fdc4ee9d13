import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Moved } from '../kernel/vocabulary.ts';
import type { Certificate } from '../verify/certificate.ts';
import { renderCertificate } from '../verify/certificate-text.ts';

export interface KeptCertificate {
  readonly name: string;
  /** The Markdown; its JSON stands beside it. */
  readonly file: string;
}

export function certificatesFolder(stateDir: string): string {
  return join(stateDir, 'certificates');
}

/** Writes a certificate into `certificates/` of the state directory, as JSON and for people. Names, counts and positions; no values. */
export function keepCertificate(stateDir: string, certificate: Certificate, moved: Moved = 'tables'): KeptCertificate {
  const folder = certificatesFolder(stateDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = `${certificate.startedAt.replaceAll(':', '-')}-${certificate.flow}`;
  const file = join(folder, `${name}.md`);
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(certificate, null, 2)}\n`, { mode: 0o600 });
  writeFileSync(file, renderCertificate(certificate, moved), { mode: 0o600 });
  return { name, file };
}
