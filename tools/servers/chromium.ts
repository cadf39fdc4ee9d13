import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianPackages, librariesOf } from './debian.ts';
import { whyNone } from './foreground.ts';
import { runProgram } from './run-program.ts';

/** A browser that can be started, and how. */
export interface Chromium {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoChromium(): Promise<string | undefined> {
  return whyNone('Chromium', findChromium);
}

const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** TEAL_CHROMIUM, the one that is installed, or Debian's, unpacked into the cache with its libraries and a font. */
export async function findChromium(): Promise<Chromium> {
  const here = [process.env['TEAL_CHROMIUM'] ?? '', ...installed].find((path) => path !== '' && existsSync(path));
  if (here !== undefined) return { program: here, env: {} };
  const root = await debianPackages(`chromium-here-${process.arch}`, packages);
  const { LD_LIBRARY_PATH: libraries } = librariesOf(root);
  // One of them keeps its own beside the others.
  const all = libraries.split(':').flatMap((folder) => [folder, join(folder, 'pulseaudio')]);
  const env = { LD_LIBRARY_PATH: all.join(':'), ...(await fontsOf(root)) };
  return { program: join(root, 'usr/lib/chromium/chromium'), env };
}

/** It and the libraries that it and they cannot be without, but for those that every machine has. */
async function packages(): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let next = ['chromium']; next.length > 0;) {
    const told = await runProgram('apt-cache', ['depends', '--important', ...next]);
    const asked = [...told.matchAll(/^ +Depends: (lib\S+)/gm)].map((match) => match[1] ?? '');
    next = [...new Set(asked)].filter((name) => !found.has(name) && !/^lib(c6|gcc-s1|crypt1)$/.test(name));
    for (const name of next) found.add(name);
  }
  return ['chromium', 'chromium-common', 'fonts-dejavu-core', ...found];
}

/** The unpacked font, for a machine that may have none. */
async function fontsOf(root: string): Promise<Readonly<Record<string, string>>> {
  const file = join(root, 'fonts.conf');
  const text = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${join(root, 'usr/share/fonts')}</dir></fontconfig>`;
  // The cache may have been moved, or be reached by another path than before.
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFile(file, text);
  return { FONTCONFIG_FILE: file };
}
