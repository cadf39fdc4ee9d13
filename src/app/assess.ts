import { TealError } from '../kernel/errors.ts';
import type { Spec } from '../spec/spec.ts';
import { blockersOf, type Assessment } from '../stages/assess/assess.ts';
import type { KafkaAssessment } from '../stages/assess/kafka/assess-kafka.ts';
import { renderAssessment } from '../stages/assess/render.ts';
import { assessKafkaClusters } from './assess-kafka.ts';
import {
  assessMysqlToPostgres,
  assessMysqlTwins,
  type MappingDocument,
  type MysqlAssessOptions,
} from './assess-mysql.ts';
import { assessBoth, type AssessedPostgres } from './look.ts';

/** What looking at both systems has told, whatever they are. */
export interface Assessed extends Omit<AssessedPostgres, 'blue' | 'green' | 'assessment'> {
  readonly assessment: Assessment | KafkaAssessment;
  /** Between systems of different families: how the schema is translated, table by table. */
  readonly mapping?: MappingDocument;
}

/** Looks at both sides and judges what was seen. Changes nothing. Errors: TEAL-APP-006 for systems that cannot be looked at together. */
export async function assessPair(spec: Spec, options: MysqlAssessOptions): Promise<Assessed> {
  if (spec.blue.system === 'kafka' && spec.green.system === 'kafka') {
    return asAssessed((await assessKafkaClusters(spec, options.signal)).assessment);
  }
  if (spec.blue.system === 'postgres') {
    requirePostgres(spec);
    return assessBoth(spec, options.signal);
  }
  if (spec.green.system !== 'postgres') return asAssessed((await assessMysqlTwins(spec, options)).assessment);
  const { assessment, mapping } = await assessMysqlToPostgres(spec, options);
  return { ...asAssessed(assessment), mapping };
}

function asAssessed(assessment: Assessment | KafkaAssessment): Assessed {
  return {
    assessment,
    blockers: blockersOf(assessment).length,
    render: (format) => renderAssessment(assessment, format),
  };
}

/** For what only PostgreSQL has. Errors: TEAL-APP-006. */
export function requirePostgres({ blue, green }: Spec): void {
  if (blue.system === 'postgres' && green.system === 'postgres') return;
  throw new TealError('TEAL-APP-006', `from ${blue.system} to ${green.system}`, {
    blue: blue.system,
    green: green.system,
  });
}
