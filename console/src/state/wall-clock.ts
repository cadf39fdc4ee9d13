const tickMs = 1_000;
const listeners = new Set<() => void>();
let nowMs = Date.now();
let timer: number | undefined;

function look(): void {
  nowMs = Date.now();
  for (const listener of listeners) listener();
}

/**
 * The wall clock, each second, and at once when the page is looked at again. One for the whole page: what is said to be old and what can no longer be pressed change in the same moment.
 */
export const wallClock = {
  now: (): number => nowMs,
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    if (timer === undefined) {
      nowMs = Date.now();
      timer = window.setInterval(look, tickMs);
      document.addEventListener('visibilitychange', look);
      window.addEventListener('pageshow', look);
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
      document.removeEventListener('visibilitychange', look);
      window.removeEventListener('pageshow', look);
    };
  },
};
