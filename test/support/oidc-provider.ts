import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type ProviderContext } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

/** What the provider says of a person, beside `sub`. */
export type Account = Readonly<Record<string, unknown>>;

export interface TestProvider extends AsyncDisposable {
  /** By `localhost`: another site than an API at 127.0.0.1. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** By `sub`. May be changed at any time. */
  readonly accounts: Map<string, Account>;
  /** Has the next tokens say something else than is true, signed all the same. */
  lie: ((claims: Record<string, unknown>) => Record<string, unknown>) | undefined;
  /** Has the next tokens be signed by a key that is not the provider's. */
  forges: boolean;
  /** Nobody answers any more. */
  stop(): Promise<void>;
}

export interface TestProviderOptions {
  readonly redirectUri: string;
  /** Default: one that is free. */
  readonly port?: number;
  /** Claims of people are in the token itself, not at the userinfo endpoint alone. */
  readonly isTokenWhole?: boolean;
}

const [clientId, clientSecret] = ['teal', 'a-secret-of-the-client'];

/** A certified provider of OpenID Connect on a free port. Who comes to sign in picks an account from a page: `/pick/UID/SUB`. */
export async function startProvider({
  redirectUri,
  port = 0,
  isTokenWhole = true,
}: TestProviderOptions): Promise<TestProvider> {
  const [own, foreign] = [newKey(), newKey()];
  const accounts = new Map<string, Account>();
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => answer(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    jwks: { keys: [{ ...own.export({ format: 'jwk' }), kid: 'own', use: 'sig', alg: 'RS256' }] },
    adapter: createMemoryAdapter(),
    cookies: { keys: ['a key of the cookies of a test'] },
    scopes: ['openid', 'profile', 'email'],
    claims: { openid: ['sub', 'groups', 'people'], email: ['email', 'email_verified'], profile: ['name'] },
    ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
    conformIdTokenClaims: !isTokenWhole,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_: unknown, { uid }: { readonly uid: string }) => `/pick/${uid}` },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: async () => ({ sub, ...accounts.get(sub) }),
    }),
    loadExistingGrant: async ({ oidc }: ProviderContext) => grantAll(provider, oidc),
  });
  const api: TestProvider = {
    issuer,
    clientId,
    clientSecret,
    accounts,
    lie: undefined,
    forges: false,
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    [Symbol.asyncDispose]: async () => api.stop(),
  };
  provider.use(async (context, next) => {
    await next();
    if (context.path !== '/token' || (api.lie === undefined && !api.forges)) return;
    const body = context.body as Record<string, unknown>;
    const claims = JSON.parse(part(String(body['id_token']), 1)) as Record<string, unknown>;
    body['id_token'] = tokenOf(api.lie?.(claims) ?? claims, api.forges ? foreign : own);
  });
  const callback = provider.callback();
  answer = (request, response) => {
    const [, what, uid = '', sub = ''] = (request.url ?? '').split('/');
    if (what === 'pick' && sub === '') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      const links = [...accounts.keys()].map((each) => `<li><a href="/pick/${uid}/${each}">${each}</a>`);
      response.end(`<!doctype html><html lang="en"><title>Provider</title><h1>Sign in</h1><ul>${links.join('')}</ul>`);
    } else if (what === 'pick') {
      const result = sub === 'nobody' ? { error: 'access_denied' } : { login: { accountId: sub }, consent: {} };
      const merged = { mergeWithLastSubmission: false };
      provider.interactionFinished(request, response, result, merged).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    } else {
      void callback(request, response);
    }
  };
  return api;
}

async function grantAll(provider: Provider, oidc: ProviderContext['oidc']): Promise<unknown> {
  const grant = new provider.Grant({
    accountId: oidc?.session?.accountId,
    clientId: oidc?.client.clientId ?? '',
  });
  grant.addOIDCScope('openid profile email');
  await grant.save();
  return grant;
}

function newKey(): KeyObject {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

function tokenOf(claims: Record<string, unknown>, key: KeyObject): string {
  const text = [{ alg: 'RS256', kid: 'own' }, claims].map((each) => base64url(JSON.stringify(each))).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

function part(token: string, at: number): string {
  return Buffer.from(token.split('.')[at] ?? '', 'base64url').toString('utf8');
}
