import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { ApiEnvironment } from './environment.ts';

/** The web console as it was built: one page, and what it asks for. It holds nothing of a migration. */
export interface ConsoleFiles {
  readonly page: string;
  /** By name; names hold a hash of what is in them. */
  readonly assets: ReadonlyMap<string, Buffer>;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Everything is of this very server; nothing is written in the page that runs or paints by itself. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Read once: a console that is built anew while it is served is another one. Undefined where there is none. */
export function readConsole(folder: string): ConsoleFiles | undefined {
  try {
    const assets = join(folder, 'assets');
    return {
      page: readFileSync(join(folder, 'index.html'), 'utf8'),
      assets: new Map(readdirSync(assets).map((name) => [name, readFileSync(join(assets, name))])),
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Open to everybody, and to a link from elsewhere, as a page without data may be: it asks for the token itself. */
export function consoleRoutes(app: OpenAPIHono<ApiEnvironment>, console: ConsoleFiles | undefined): void {
  app.get('/', (context) => {
    context.header('Content-Security-Policy', policy);
    return context.html(console?.page ?? notBuilt, console === undefined ? 503 : 200);
  });
  if (console === undefined) return;
  const packed = new Map<string, Promise<Buffer>>();
  app.get('/assets/:name', async (context, next) => {
    const name = context.req.param('name');
    const plain = console.assets.get(name);
    if (plain === undefined) return next();
    return answerAsset(context, name, plain, packed);
  });
}

async function answerAsset(
  context: Context<ApiEnvironment>,
  name: string,
  plain: Buffer,
  packed: Map<string, Promise<Buffer>>,
): Promise<Response> {
  context.header('Content-Type', types[extname(name)] ?? 'application/octet-stream');
  context.header('Cache-Control', 'public, max-age=31536000, immutable');
  context.header('Vary', 'Accept-Encoding');
  if (!/\bbr\b/.test(context.req.header('accept-encoding') ?? '')) return context.body(new Uint8Array(plain));
  const small = packed.get(name) ?? pack(plain);
  packed.set(name, small);
  context.header('Content-Encoding', 'br');
  return context.body(new Uint8Array(await small));
}

const brotli = promisify(brotliCompress);

/** As it is sent. */
export async function pack(plain: Buffer): Promise<Buffer> {
  return brotli(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}

const notBuilt = `<!doctype html>
<html lang="en">
<title>Teal: the console is not built</title>
<h1>The console is not built</h1>
<p>The API answers here, and its web console was not built in this checkout. Run <code>make console</code>, then start <code>teal serve</code> again.</p>
<p><a href="/openapi.json">What the API can be asked</a></p>
</html>
`;
