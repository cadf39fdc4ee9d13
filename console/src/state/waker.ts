/** Waits before another attempt, and no longer once the page is looked at again or the network is back. */
export class Waker {
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const woken = Promise.withResolvers<void>();
    const wake = (): void => woken.resolve();
    const wakeIfSeen = (): void => {
      if (document.visibilityState === 'visible') wake();
    };
    const timer = window.setTimeout(wake, ms);
    window.addEventListener('online', wake);
    document.addEventListener('visibilitychange', wakeIfSeen);
    signal.addEventListener('abort', wake);
    await woken.promise;
    clearTimeout(timer);
    window.removeEventListener('online', wake);
    document.removeEventListener('visibilitychange', wakeIfSeen);
    signal.removeEventListener('abort', wake);
  }
}
