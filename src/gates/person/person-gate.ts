import type { Gate } from '../../ports/gate.ts';

/** Who said yes, as the journal has it. */
export interface PersonsAnswer {
  readonly by: string;
  readonly atIso: string;
}

/** Yes once somebody has said so (`teal cutover`). Never by itself. */
export function personGate(id: string, person: string, answer: () => PersonsAnswer | undefined): Gate {
  return {
    id,
    asks: `does ${person} say yes?`,
    person: true,
    async ask() {
      const given = answer();
      if (given === undefined) return { answer: 'not yet', evidence: `waits for ${person}: \`teal cutover\`` };
      return { answer: 'yes', evidence: `${given.by} at ${given.atIso}` };
    },
  };
}
