import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { specJsonSchema } from '../src/spec/parse.ts';

const file = 'docs/reference/spec.schema.json';

/** Writes the JSON Schema of the migration file; `--check` fails when the file in the repository is another one. */
const wanted = `${JSON.stringify(specJsonSchema(), null, 2)}\n`;
if (!process.argv.includes('--check')) {
  mkdirSync('docs/reference', { recursive: true });
  writeFileSync(file, wanted);
} else if (readFileSync(file, 'utf8') !== wanted) {
  process.stdout.write(`${file} is out of date: run \`node tools/spec-schema.ts\`\n`);
  process.exitCode = 1;
}
