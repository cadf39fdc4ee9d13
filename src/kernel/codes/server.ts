import type { ErrorEntry } from './entry.ts';

export const serverCodes = {
  'TEAL-SERVER-001': {
    summary: 'The API would be open to everybody',
    happened:
      'It was told to listen on an address that other machines reach, and there is no token: nobody would be asked who they are. It was not started.',
    doThis:
      'Make a token (`teal serve --new-token view NAME`), and give --tls-cert and --tls-key; or listen on 127.0.0.1.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-002': {
    summary: 'The file of tokens cannot be used',
    happened:
      'The file that holds the hashes of the tokens cannot be read or written, others than its owner may read it, or a line of it is not one that Teal writes. While it is so nobody is let in.',
    doThis:
      'Look at the file and the line in the message: mode 0600, one JSON object a line. To revoke a token delete its line.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-003': {
    summary: 'The API cannot be started as it was asked',
    happened:
      'The address is not one to listen on or is taken, a file of the certificate or its key cannot be read, one of the two is missing, or a role or a name of a new token is not one.',
    doThis: 'Look at the message, and at `teal serve --help`. Nothing was started.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-004': {
    summary: 'No valid token',
    happened:
      'The request has no `Authorization: Bearer` header and comes from no browser that is signed in, or the token in it is not in the file of tokens.',
    doThis:
      'Send a token that `teal serve --new-token` has made for this migration; a person can sign in on the page of the console where there is a provider.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-005': {
    summary: 'The token has not the role',
    happened: 'The token or the session is valid, and is not for what was asked. Nothing was done.',
    doThis:
      'Use a token with the role that the document of the API names for the route; of a person who signs in the roles are what --oidc-role gives. Where there are no tokens the API only reads: make some.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-006': {
    summary: 'The request does not come from where it says',
    happened:
      'Its Host is a name that the API was not told it has, or its Origin is another site: a page in a browser may be asking in the name of the person who looks at it. Nothing was done.',
    doThis:
      'Ask by address, by `localhost`, or by a name given with --allow-host; and not from a page of another site.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-007': {
    summary: 'Too many requests without a valid token',
    happened:
      'From one address more requests failed for their token than are answered. A valid token is let in all the same.',
    doThis: 'Look for the program that asks with an old token; the API answers as before once it has been quiet.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-008': {
    summary: 'The request is not as the API describes it',
    happened: 'A parameter, a header or the body is missing, unknown, or not of its form. Nothing was done.',
    doThis: 'Look at the places that the answer names, and at /openapi.json.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-009': {
    summary: 'There is nothing of that name',
    happened:
      'The path is none of the API, or what it names is not there: a certificate, a command, a gate that asks a person.',
    doThis: 'Look at /openapi.json, and at the list beside the path.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-010': {
    summary: 'Too many streams of events are open',
    happened: 'Each client that follows /events has a stream of its own, and there are as many as are allowed.',
    doThis: 'Close those that nobody reads; then try again.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-011': {
    summary: 'The request is too large',
    happened: 'The body is longer than any that the API takes. Nothing was done.',
    doThis: 'Send only what /openapi.json describes.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-012': {
    summary: 'The API could not answer',
    happened:
      'Something failed that has no code of its own. The cause is in the log of `teal serve`, under the number that the answer gives.',
    doThis: 'Look it up in the log. The migration itself does not depend on the API: `teal status` tells how it is.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-013': {
    summary: 'There is nothing to say yes to now',
    happened:
      'Green is live, or the migration has ended: a yes holds for one cut to green, and must not lie in wait for a later one. Nothing was recorded.',
    doThis: 'Say yes again when blue is live and a cut is wanted.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-014': {
    summary: 'The key was used for another request',
    happened:
      'A command was asked for with an Idempotency-Key that its caller has used before, for something else. Nothing was started.',
    doThis: 'Take a new key for each command that is meant, and the same one only to ask again for the same.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-015': {
    summary: 'A command ended without a word',
    happened:
      'The process that ran it was killed or could not be started. What it did until then is in the journal; a cut that it left open is ended by the supervisor.',
    doThis:
      'Look at `teal status`, and at `log` in the folder of the command in the state folder; then ask again with a new key: it goes on from there.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-020': {
    summary: 'There is no command to stop',
    happened: 'The command has ended, or its process has not begun its work yet. Nothing was stopped.',
    doThis: 'Look how the command is (`GET /api/v1/commands/{id}`); while it is running, ask again.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-021': {
    summary: 'The command was stopped',
    happened:
      'Somebody asked for it, or its process was told to end. It ended between two steps; what it had done is in the journal and stays. Flows and proxy go on.',
    doThis: 'Ask for the command again: it goes on from there.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-030': {
    summary: 'The session is over',
    happened:
      'The browser was signed in, and its session has ended: its time is over, nothing was asked in it for an hour, somebody signed out, the person signed in elsewhere too often, or `teal serve` was started anew, which knows no session from before. Nothing was done.',
    doThis: 'Sign in again on the page of the console.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-031': {
    summary: 'The provider of sign-ins does not answer',
    happened:
      'The address given with --oidc-issuer could not be reached from the machine of `teal serve`, did not answer in time, or does not answer as a provider of OpenID Connect of that very name does. Nobody can sign in by it meanwhile; tokens and sessions that there are go on.',
    doThis:
      'Use a token, or ask whoever runs the provider. `teal serve` looks for ISSUER/.well-known/openid-configuration, whose `issuer` must be the one given; for an authority of your own set NODE_EXTRA_CA_CERTS. The cause is in its log.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-032': {
    summary: 'The provider has refused the sign-in',
    happened:
      'The provider said no: the person gave up or may not use this application, or the provider does not take the id or the secret of the client, the address to come back to, or the scope. Nobody was signed in.',
    doThis:
      'Try again. If it stays, compare --oidc-client-id, the secret, --oidc-scope and the address of the console with what the provider has registered; what it said is in the log of `teal serve`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-033': {
    summary: 'This is not the answer to a sign-in of this browser',
    happened:
      'What came back from the provider belongs to no sign-in that this browser has begun within ten minutes: another one was begun meanwhile, the page was loaded again, the console was opened by another address than --public-url says, `teal serve` was started anew, or somebody wanted this browser to be signed in as somebody else. Nobody was signed in.',
    doThis: 'Go back to the console and sign in from there.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-034': {
    summary: 'What the provider says of the person does not hold',
    happened:
      'The token of who it is was not signed by a key of the provider, is for another application, of another issuer or of another sign-in, or its time is over by more than a minute. Nobody was signed in.',
    doThis:
      'Compare the clocks of both machines, and --oidc-issuer and --oidc-client-id with what the provider has registered. What did not hold is in the log of `teal serve`.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-035': {
    summary: 'The person has no role here',
    happened:
      'The provider knows who it is, and nothing that it says of the person stands for a role of Teal. Nobody has a role that was not given with --oidc-role.',
    doThis:
      'Ask whoever runs `teal serve`: its log has what the provider said, and where it says nothing --oidc-roles-claim or --oidc-scope wants to be another one.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-036': {
    summary: 'Signing in by a provider cannot be set up as it was asked',
    happened:
      'Something of it is missing or none: the issuer, the id of the client, its secret, a role, the address of the console; or issuer or console are reached without TLS from another machine, where others could read who signs in. The API was not started.',
    doThis:
      'Look at the message, and at docs/guide/console.md. To be reached from elsewhere give --tls-cert and --tls-key and, with --public-url, the https address that browsers use.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-040': {
    summary: 'Several migrations are served here, and the path names none',
    happened:
      'The path means the only migration of a `teal serve`, and this one was given several files. Nothing was done.',
    doThis:
      'Ask /api/v1/migrations for their names, and then by /api/v1/migrations/NAME/ in place of /api/v1/; metrics too.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-041': {
    summary: 'Two files name one migration',
    happened:
      'Of the files that `teal serve` was given two have the same `name`: a path could mean either, and what is asked of one must not be done to the other. The first of them is served.',
    doThis: 'Give one of them another `name`, or leave it away; it is looked at again every few seconds.',
    retry: 'operator',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-042': {
    summary: 'A migration does not say in time where it is',
    happened:
      'Among several that were asked at once one did not answer within three seconds: its processes or its disk are very busy. The others are told; what it does goes on.',
    doThis: 'Look at it by itself, or with `teal status` on its machine.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-050': {
    summary: 'The path takes no request of this method',
    happened:
      'The path is one of the API, and is asked in another way: the header Allow names the methods that it has. Nothing was done.',
    doThis: 'Look at /openapi.json.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-051': {
    summary: 'The body is not sent as JSON',
    happened:
      'The request has a body, or needs one, and its Content-Type is not application/json. It was not read, and nothing was done.',
    doThis: 'Send JSON, with `Content-Type: application/json`.',
    retry: 'never',
    dataMayDiffer: 'no',
  },
  'TEAL-SERVER-060': {
    summary: 'What was told of alerts could not be kept',
    happened:
      'A notice of alerts came by a valid token, and `alerts.json` in the state folder of the migration could not be read or written. Whoever told it was refused with 503, on which Alertmanager and Datadog tell it again.',
    doThis:
      'Look at the cause in the log of `teal serve`: room on the disk, the owner of the state folder, another program that has the file.',
    retry: 'auto',
    dataMayDiffer: 'no',
  },
} as const satisfies Record<`TEAL-SERVER-${number}`, ErrorEntry>;
