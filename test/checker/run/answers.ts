import { waitFor } from '../../../src/kernel/clock.ts';
import { withClient } from '../../../tools/servers/with-client.ts';

/** Resolves when clients get answers at this address. TEAL-KERNEL-002 after the time. */
export async function answers(url: string, timeoutMs: number): Promise<void> {
  await waitFor({ what: 'an answer to a client', timeoutMs, everyMs: 50 }, async () => {
    try {
      await withClient(url, async (client) => client.query('select 1'));
      return true;
    } catch {
      // It is what is waited for.
      return undefined;
    }
  });
}
