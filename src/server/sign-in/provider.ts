import type * as Client from 'openid-client';
import { orAborted } from '../../kernel/abort.ts';
import { monotonicMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { PendingSignIn } from './pending.ts';
import { claimOf, personOf, type Claims, type Person } from './person.ts';
import type { SignInSettings } from './settings.ts';

/** Of each answer of the provider. */
const patienceSeconds = 10;
/** How far the clocks of both machines may be apart. */
const skewSeconds = 60;
/** A provider that is moved or changes its keys' place is asked anew after this time. Keys themselves are asked for when an unknown one signs. */
const keptMs = 3_600_000;

type Library = typeof Client;

/** A provider of OpenID Connect: authorization code with PKCE, state and nonce; the token is believed for its signature, not for the connection that it came by. */
export class Provider {
  readonly #settings: SignInSettings;
  readonly #redirectUri: URL;
  #found: { readonly at: Promise<Client.Configuration>; readonly untilMs: number } | undefined;

  constructor(settings: SignInSettings, redirectUri: URL) {
    this.#settings = settings;
    this.#redirectUri = redirectUri;
  }

  /** Asks who it is. Errors: TEAL-SERVER-031. */
  async find(signal: AbortSignal): Promise<Client.Configuration> {
    if (this.#found === undefined || monotonicMs() > this.#found.untilMs) {
      const asked = { at: this.#ask(), untilMs: monotonicMs() + keptMs };
      this.#found = asked;
      // A failure is kept for nobody; who asked is told of it.
      void asked.at.catch(() => {
        if (this.#found === asked) this.#found = undefined;
      });
    }
    return orAborted(this.#found.at, signal);
  }

  /** Where the browser is sent, and what its answer will be held against. Errors: TEAL-SERVER-031. */
  async begin(signal: AbortSignal): Promise<{ readonly url: URL; readonly pending: Omit<PendingSignIn, 'untilMs'> }> {
    const library = await load();
    const found = await this.find(signal);
    const pending = {
      state: library.randomState(),
      nonce: library.randomNonce(),
      verifier: library.randomPKCECodeVerifier(),
    };
    const url = library.buildAuthorizationUrl(found, {
      redirect_uri: this.#redirectUri.href,
      scope: this.#settings.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await library.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    });
    return { url, pending };
  }

  /** Who has signed in, by what the provider gave the browser. Errors: TEAL-SERVER-031, -032 refused, -033 of another sign-in, -034 not to be believed. */
  async end(said: URLSearchParams, pending: PendingSignIn, signal: AbortSignal): Promise<Person> {
    if (said.get('state') !== pending.state) throw new TealError('TEAL-SERVER-033', 'the state is another one');
    const library = await load();
    const found = await this.find(signal);
    try {
      return personOf(await orAborted(this.#claims(library, found, said, pending), signal), this.#settings);
    } catch (error) {
      throw told(error, library);
    }
  }

  async #ask(): Promise<Client.Configuration> {
    const library = await load();
    const { issuer, clientId, clientSecret } = this.#settings;
    const isPlain = issuer.protocol === 'http:';
    try {
      const found = await library.discovery(
        issuer,
        clientId,
        { [library.clockTolerance]: skewSeconds },
        clientSecret === undefined ? library.None() : secretSentAs(library, clientSecret),
        {
          timeout: patienceSeconds,
          execute: [library.enableNonRepudiationChecks, ...(isPlain ? [library.allowInsecureRequests] : [])],
        },
      );
      const named = found.serverMetadata().issuer;
      // One that stands for every tenant would let those of others in.
      if (new URL(named).href !== issuer.href) throw new Error(`it calls itself ${named}`);
      return found;
    } catch (error) {
      throw new TealError('TEAL-SERVER-031', `${issuer.href} does not tell how it is asked`, {}, error);
    }
  }

  async #claims(
    library: Library,
    found: Client.Configuration,
    said: URLSearchParams,
    { state, nonce, verifier }: PendingSignIn,
  ): Promise<Claims> {
    const answer = new URL(this.#redirectUri);
    answer.search = said.toString();
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const tokens = await library.authorizationCodeGrant(found, answer, checks);
    const claims = tokens.claims();
    if (claims === undefined) throw new TealError('TEAL-SERVER-034', 'there is no token of who it is');
    const { rolesClaim, nameClaim } = this.#settings;
    const isWhole = [rolesClaim, nameClaim].every((name) => claimOf(claims, name) !== undefined);
    if (isWhole || found.serverMetadata().userinfo_endpoint === undefined) return claims;
    // Many tell groups and addresses there alone.
    return { ...(await library.fetchUserInfo(found, tokens.access_token, claims.sub)), ...claims };
  }
}

/** Nobody waits for it who does not sign in. */
async function load(): Promise<Library> {
  return import('openid-client');
}

/** As the provider takes it: most take both, some the body alone. */
function secretSentAs(library: Library, secret: string): Client.ClientAuth {
  const [basic, post] = [library.ClientSecretBasic(secret), library.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const taken = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const auth = taken.includes('client_secret_basic') || !taken.includes('client_secret_post') ? basic : post;
    return auth(server, client, body, headers);
  };
}

/** What cannot be reached or answers nonsense, what says no, and what says something that cannot be believed. */
const unanswered = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
]);

function told(error: unknown, library: Library): TealError {
  if (error instanceof TealError) return error;
  const isRefused =
    error instanceof library.AuthorizationResponseError ||
    error instanceof library.ResponseBodyError ||
    error instanceof library.WWWAuthenticateChallengeError;
  if (isRefused) return new TealError('TEAL-SERVER-032', `the provider says ${saidBy(error)}`, {}, error);
  const code: unknown = Reflect.get(Object(error), 'code');
  // Of `fetch`, which has no code of its own.
  if (error instanceof TypeError || (typeof code === 'string' && unanswered.has(code))) {
    return new TealError('TEAL-SERVER-031', 'the provider does not answer as one does', {}, error);
  }
  return new TealError('TEAL-SERVER-034', 'what the provider says does not hold', {}, error);
}

/** `invalid_client: …`, in one short line: a part of it may have come by the browser. */
function saidBy(error: object): string {
  // A refusal by a header has it in there.
  const [challenge] = [Reflect.get(error, 'cause')].flat() as readonly unknown[];
  const places = [error, Object(Reflect.get(Object(challenge), 'parameters')) as object];
  const said = places.flatMap((place) => [Reflect.get(place, 'error'), Reflect.get(place, 'error_description')]);
  const text = said.filter((each) => typeof each === 'string').join(': ');
  return (text === '' ? 'no' : text).slice(0, 300).replaceAll(/[^\x20-\x7e]/g, ' ');
}
