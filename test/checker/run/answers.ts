import { waitFor } from '../../../src/kernel/clock.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { withMysql } from '../stores/with-mysql.ts';

/** Resolves when clients get answers at these addresses, which stand behind one another with a space. TEAL-KERNEL-002 after the time. */
export async function answers(urls: string, timeoutMs: number): Promise<void> {
  await waitFor({ what: 'an answer to a client', timeoutMs, everyMs: 50 }, async () => {
    try {
      await Promise.all(urls.split(' ').map(ask));
      return true;
    } catch {
      // It is what is waited for.
      return undefined;
    }
  });
}

async function ask(url: string): Promise<void> {
  if (url.startsWith('mysql:')) await withMysql(url, async (query) => query('select 1'));
  else await withClient(url, async (client) => client.query('select 1'));
}
