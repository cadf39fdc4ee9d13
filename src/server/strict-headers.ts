import type { MiddlewareHandler } from 'hono';

/** On every answer, also on a refusal: nothing of this may be framed, guessed at, kept, or run as a page. */
export const strict = Object.freeze({
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
});

export function strictHeaders(tls: boolean): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { headers } = context.res;
    // The console's page and its assets say themselves what they may do, and how long they are kept.
    for (const [name, value] of Object.entries(strict)) if (!headers.has(name)) headers.set(name, value);
    if (tls) headers.set('Strict-Transport-Security', 'max-age=31536000');
  };
}
