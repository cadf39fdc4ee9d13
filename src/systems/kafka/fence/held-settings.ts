import type { OpenSide } from '../both-sides.ts';
import { limitSetting, type HeldSettings } from './closing.ts';

const writer = 'limit';

/** Kept as the control topic keeps what a topic had before: under a name of its own, for the two do not undo each other. */
export function heldSettings({ control }: OpenSide, signal: AbortSignal): HeldSettings {
  const nameOf = (topic: string): string => `${topic} ${limitSetting}`;
  return {
    remember: async (found) => {
      const { held } = await control.state(signal);
      const records = [...found]
        .filter(([topic]) => !held.has(nameOf(topic)))
        .map(([topic, before]) => ({ kind: 'held', topic: nameOf(topic), before }) as const);
      if (records.length > 0) await control.append(writer, records, signal);
    },
    forget: async (topics) => {
      const { held } = await control.state(signal);
      const records = topics
        .filter((topic) => held.has(nameOf(topic)))
        .map((topic) => ({ kind: 'restored', topic: nameOf(topic) }) as const);
      if (records.length > 0) await control.append(writer, records, signal);
    },
    before: async (topic) => (await control.state(signal)).held.get(nameOf(topic)),
  };
}
