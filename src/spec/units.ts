const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

export const durationPattern = '^\\d{1,6}(\\.\\d{1,3})?(ms|s|m|h|d)$';
export const sizePattern = '^\\d{1,9}(\\.\\d{1,3})?(B|kB|MB|GB|TB|KiB|MiB|GiB)$';

/** `3s`, `500ms`, `1.5h` in milliseconds; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationPattern, durationUnits);
}

/** `20GB`, `512MiB` in bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizePattern, sizeUnits);
}

function parse(text: string, pattern: string, units: Readonly<Record<string, number>>): number | undefined {
  if (!new RegExp(pattern).test(text)) return undefined;
  const [, amount = '', unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? [];
  const factor = units[unit];
  return factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

/** The largest unit that says it exactly. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const factor = durationUnits[unit] ?? 1;
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`;
  }
  return `${ms}ms`;
}
