import type { Command } from 'commander';
import type { SignInOptions } from '../../app/index.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { apiListenDefault } from '../../app/api-listen.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { duration } from '../options.ts';
import { print } from '../print.ts';

interface ServeArguments {
  readonly file?: readonly string[];
  readonly listen: string;
  readonly tokens?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowHost?: readonly string[];
  readonly newToken?: string;
  readonly publicUrl?: string;
  readonly oidcIssuer?: string;
  readonly oidcClientId?: string;
  readonly oidcSecretFile?: string;
  readonly oidcRole?: readonly string[];
  readonly oidcRolesClaim?: string;
  readonly oidcNameClaim?: string;
  readonly oidcScope?: string;
  readonly oidcSession?: number;
}

export function serveCommand(program: Command): void {
  const command = program
    .command('serve')
    .summary('serve the web console, the API and the metrics of the migration; or make a token for it')
    .description(
      'Serves the web console and the HTTP API of the migration file, or of several, in the foreground: where the migration is, its plan, journal, events, certificates and differences, approvals, commands, and /metrics for Prometheus. It reads beside whatever command runs, and the migration goes on when it ends. Without a token everybody on this machine may read and nobody may do anything; on another address than loopback it is refused until there is one. Logs JSON lines to standard output; SIGTERM and Ctrl-C end it.',
    )
    .argument('[name]', 'with --new-token: whose it is; it is in the journal with whatever it did')
    .option(
      '-f, --file <path>',
      'migration file, or folder of them; may be repeated: then all are served (default: teal.yaml)',
      collect,
    )
    .option('--listen <host:port>', 'address to listen on', apiListenDefault)
    .option(
      '--tokens <path>',
      'file of the hashes of tokens; default: api-tokens in the state folder (of the first file)',
    )
    .option('--tls-cert <path>', 'certificate that clients see, PEM')
    .option('--tls-key <path>', 'its key, PEM')
    .option(
      '--allow-host <name>',
      'a name by which clients may ask, beside addresses and localhost; may be repeated',
      collect,
    )
    .option(
      '--new-token <roles>',
      'print a new token, once, and end: view, operate, approve, cut, alert, or several with commas',
    )
    .option('--public-url <url>', 'where browsers find the console, where that is not the address to listen on')
    .option('--oidc-issuer <url>', 'people sign in on the console by this provider of OpenID Connect')
    .option('--oidc-client-id <id>', 'what the provider knows the console by')
    .option(
      '--oidc-secret-file <path>',
      'file with the secret of the client; default: TEAL_OIDC_SECRET; none: PKCE alone',
    )
    .option(
      '--oidc-role <role=value>',
      'whoever has this value in the claim has this role, as cut=dba-leads; may be repeated',
      collect,
    )
    .option('--oidc-roles-claim <claim>', 'claim with these values; dots lead into one (default: groups)')
    .option('--oidc-name-claim <claim>', 'claim that names a person in the journal (default: email, or else sub)')
    .option('--oidc-scope <scope>', 'what is asked of the provider (default: "openid profile email")')
    .option('--oidc-session <duration>', 'when a person has to sign in again (default: 8h)', duration)
    .action(async (name: string | undefined, given: ServeArguments) => serve(name, given));
  explain(command, {
    exits: { 0: 'ended when told to; with --new-token: printed' },
    examples: [
      ['teal serve', `serves on http://${apiListenDefault}/, for browsers and programs on this machine`],
      ['teal serve --new-token view prometheus > token', 'a token for the scraper; only its hash is kept here'],
      ['teal serve --new-token alert alertmanager > token', 'a token that tells of alerts, and does nothing else'],
      [
        'teal serve --listen 0.0.0.0:7480 --tls-cert s.crt --tls-key s.key',
        'serves to others too, once there is a token',
      ],
      ['teal serve -f shop.yaml -f stock.yaml', 'serves both at one address, with a page of all'],
      [
        'teal serve --oidc-issuer https://login.example.org/ --oidc-client-id teal --oidc-role view=engineering --oidc-role cut=dba-leads',
        'people sign in by a provider; docs/guide/console.md',
      ],
    ],
  });
}

async function serve(name: string | undefined, given: ServeArguments): Promise<void> {
  // Of all commands this one alone needs a server of HTTP: the others do not wait for it to be read.
  const [{ runApi }, { newToken }, { clientSecretOf }, { filesIn }] = await Promise.all([
    import('../../app/run-api.ts'),
    import('../../app/serve-api.ts'),
    import('../../app/api-access.ts'),
    import('../../app/served-migrations.ts'),
  ]);
  const files = filesIn(given.file ?? ['teal.yaml']);
  if (given.newToken !== undefined) {
    const [first = ''] = files;
    print(newToken(loadSpec(first, process.env), name ?? '', given.newToken.split(','), given.tokens));
    return;
  }
  if (name !== undefined) {
    process.stderr.write('A name goes with --new-token (teal serve --help).\n');
    process.exitCode = exitCodes.usage;
    return;
  }
  const { listen, tokens, tlsCert, tlsKey, allowHost, publicUrl } = given;
  await runApi({
    file: files,
    env: process.env,
    listen,
    tokensFile: tokens,
    tlsCert,
    tlsKey,
    names: allowHost ?? [],
    publicUrl,
    oidc: oidcOf(given, clientSecretOf(given.oidcSecretFile, process.env)),
  });
}

/** Undefined where nothing of it was given; what is missing of it is told by whoever uses it. */
function oidcOf(given: ServeArguments, clientSecret: string | undefined): SignInOptions | undefined {
  const { oidcIssuer, oidcClientId, oidcRole, oidcRolesClaim, oidcNameClaim, oidcScope, oidcSession } = given;
  const asked = [oidcIssuer, oidcClientId, given.oidcSecretFile, oidcRole, oidcRolesClaim, oidcNameClaim, oidcScope];
  if ([...asked, oidcSession].every((each) => each === undefined)) return undefined;
  return {
    issuer: oidcIssuer ?? '',
    clientId: oidcClientId ?? '',
    clientSecret,
    roles: oidcRole ?? [],
    rolesClaim: oidcRolesClaim,
    nameClaim: oidcNameClaim,
    scope: oidcScope,
    sessionMs: oidcSession,
  };
}

function collect(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name];
}
