import type { MiddlewareHandler } from 'hono';
import { TealError } from '../kernel/errors.ts';
import { tellsOfAlerts } from './access.ts';
import type { ApiEnvironment } from './environment.ts';

type Handler = MiddlewareHandler<ApiEnvironment>;

/** Longer than any request that the API takes but one. */
const bodyLimitBytes = 16 << 10;
/** Of a notice of alerts: a group may be a thousand. */
const noticeLimitBytes = 1 << 20;

/**
 * A body of a told length is refused before it is read; one that comes in pieces is read as far as the limit. Node sees to it that no more comes than was told. TEAL-SERVER-011.
 */
export const limitedBody: Handler = async ({ req }, next) => {
  const most = tellsOfAlerts(req) ? noticeLimitBytes : bodyLimitBytes;
  if (req.header('transfer-encoding') === undefined) {
    if (Number(req.header('content-length') ?? 0) > most) throw tooLarge(most);
  } else {
    const { raw } = req;
    const { method, headers } = raw;
    const body = await readBody(raw, most);
    if (body !== undefined) req.raw = new Request(req.url, { method, headers, body });
  }
  await next();
};

/** Undefined where the request can have none. */
async function readBody({ body }: Request, most: number): Promise<Buffer<ArrayBuffer> | undefined> {
  if (body === null) return undefined;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > most) throw tooLarge(most);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function tooLarge(most: number): TealError {
  return new TealError('TEAL-SERVER-011', `more than ${most} bytes`);
}

/** A body of another kind would be read as an empty one, and its fields told to be missing. TEAL-SERVER-051. */
export const jsonOnly: Handler = async ({ req }, next) => {
  if (!/^application\/json *(;|$)/i.test(req.header('content-type') ?? ''))
    throw new TealError('TEAL-SERVER-051', 'no JSON');
  await next();
};
