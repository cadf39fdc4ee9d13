import { specJsonSchema } from '../src/spec/parse.ts';
import { writeOrCheck } from './generated-page.ts';

/** Writes the JSON Schema of the migration file; `--check` fails when the file in the repository is another one. */
const wanted = `${JSON.stringify(specJsonSchema(), null, 2)}\n`;
writeOrCheck('docs/reference/spec.schema.json', wanted, 'tools/spec-schema.ts');
