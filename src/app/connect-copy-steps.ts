import type { Carrier } from '../ports/carrier.ts';
import type { SchemaPart } from '../ports/schema-driver.ts';
import type { Step } from '../ports/step.ts';
import { deployStep } from '../stages/follow/follow-steps.ts';
import { throughStep } from '../stages/follow/through-step.ts';

export interface ConnectCopy {
  readonly carrier: Carrier;
  /** How many. */
  readonly tables: number;
  /** A step that makes parts of green's schema. */
  readonly build: (id: string, parts: readonly SchemaPart[], does: string) => Step;
  readonly analyse: Step;
  /** What deploying means for blue. */
  readonly told: Pick<Step, 'does' | 'locks' | 'costs'>;
}

/** The copy where a cluster of Kafka Connect makes it. The sink finds rows by their keys, so that these come first; and the flow itself brings the rows. */
export function connectCopySteps({ carrier, tables, build, analyse, told }: ConnectCopy): readonly Step[] {
  return [
    build('copy:keys', ['keys'], 'builds primary keys and unique constraints on green'),
    { ...deployStep('forward', carrier), ...told, undone: 'connectors, slot and topics are deleted' },
    throughStep(carrier, {
      does: `waits until the rows of ${tables} tables have come through Kafka, and a sign that was written behind them`,
      locks: 'nothing',
      costs:
        'each row is written as JSON into Kafka and from there one by one into green: many times what a copy by Teal takes',
    }),
    build('copy:indexes', ['indexes'], 'builds the other indexes on green'),
    analyse,
  ];
}
