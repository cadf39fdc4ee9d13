const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function countText(count: number | string): string {
  return whole.format(Number(count));
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Of a thousand, as disks are sold. */
export function bytesText(bytes: number): string {
  let at = 0;
  let value = bytes;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1_000;
    at += 1;
  }
  return `${short.format(value)} ${units[at]}`;
}

/** A duration, in the two largest units. */
export function durationText(ms: number): string {
  if (ms < 1) return ms === 0 ? '0 ms' : '< 1 ms';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** What is left: no more exact than it is known. */
export function leftText(seconds: number): string {
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 90) return `about ${Math.ceil(seconds / 10) * 10} s left`;
  return `about ${durationText(seconds * 1_000)} left`;
}

export function agoText(atMs: number, nowMs: number): string {
  const ms = Math.max(0, nowMs - atMs);
  return ms < 10_000 ? 'just now' : `${ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : durationText(ms)} ago`;
}

export function percentText(share: number): string {
  return `${(Math.floor(share * 1_000) / 10).toFixed(share < 0.1 ? 1 : 0)}%`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

export function clockText(atMs: number): string {
  return clock.format(atMs);
}

/** In the time zone of the reader: the clock alone for today, else with the day. */
export function timeText(iso: string, nowMs: number): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  return isToday ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** `1 table`, `2 tables`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** Median and 95th percentile of one side. */
export function latencyText({
  p50Ms,
  p95Ms,
}: {
  readonly p50Ms?: number | undefined;
  readonly p95Ms?: number | undefined;
}): string {
  return p50Ms === undefined || p95Ms === undefined ? '–' : `${durationText(p50Ms)} / ${durationText(p95Ms)}`;
}
