/** The same shape as a step's facts in `ports`, which this room may not know: names with plain values. */
export type StepFacts = Readonly<Record<string, string | number | boolean | null>>;
