import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { runProgram } from '../program.ts';

/** How an API server is reached, and who one is there. Never print it. */
export interface KubeAccess {
  readonly server: URL;
  /** PEM. Absent: the authorities of this machine. */
  readonly ca?: string;
  readonly servername?: string;
  readonly isUnproven?: boolean;
  readonly token?: string;
  /** PEM of a client, both. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Of the context. */
  readonly namespace?: string;
}

export interface KubeconfigOptions {
  /** Path. Absent: the service account of the pod, where this is one; else as kubectl does, `$KUBECONFIG` or `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Default: the current one of the file. */
  readonly context?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of a program that tells who one is. */
  readonly timeoutMs: number;
  /** Where a pod has its service account. */
  readonly podFolder?: string;
}

const text = z.string().min(1);
const exec = z.object({
  apiVersion: text,
  command: text,
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: text, value: z.string() })).nullish(),
});
const file = z.object({
  'current-context': z.string().optional(),
  contexts: z.array(
    z.object({ name: text, context: z.object({ cluster: text, user: z.string(), namespace: z.string().optional() }) }),
  ),
  clusters: z.array(
    z.object({
      name: text,
      cluster: z.object({
        server: z.url({ protocol: /^https?$/ }),
        'certificate-authority': text.optional(),
        'certificate-authority-data': text.optional(),
        'insecure-skip-tls-verify': z.boolean().optional(),
        'tls-server-name': text.optional(),
        'proxy-url': text.optional(),
      }),
    }),
  ),
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z.object({
          token: text.optional(),
          tokenFile: text.optional(),
          'client-certificate': text.optional(),
          'client-certificate-data': text.optional(),
          'client-key': text.optional(),
          'client-key-data': text.optional(),
          exec: exec.optional(),
          'auth-provider': z.unknown().optional(),
          username: z.string().optional(),
        }),
      }),
    )
    .nullish(),
});
type User = NonNullable<z.infer<typeof file>['users']>[number]['user'];

const podAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Reads it anew at each call: tokens of pods and of programs end. TEAL-TRAFFIC-062, without what is secret in it. */
export async function kubeAccess(options: KubeconfigOptions): Promise<KubeAccess> {
  const { kubeconfig, env } = options;
  try {
    if (kubeconfig === undefined && env['KUBERNETES_SERVICE_HOST'] !== undefined) return await ofPod(options);
    const path = kubeconfig ?? (env['KUBECONFIG'] || join(env['HOME'] ?? '', '.kube', 'config'));
    if (kubeconfig === undefined && path.includes(delimiter)) {
      throw unusable('$KUBECONFIG names several files, which kubectl puts together: name one by traffic.kubeconfig');
    }
    return await ofFile(path, options);
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-062')) throw error;
    // Neither the text of a parser nor that of a program: it may say again what it has read.
    const code = error instanceof Error ? (Reflect.get(error, 'code') ?? error.name) : '';
    throw unusable(`it cannot be read (${String(code)})`, error);
  }
}

async function ofPod({ env, podFolder = podAccount }: KubeconfigOptions): Promise<KubeAccess> {
  const [host = '', port = '443'] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const read = async (name: string): Promise<string> => (await readFile(join(podFolder, name), 'utf8')).trim();
  const server = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  return { server, ca: await read('ca.crt'), token: await read('token'), namespace: await read('namespace') };
}

async function ofFile(path: string, options: KubeconfigOptions): Promise<KubeAccess> {
  const parsed = file.safeParse(parse(await readFile(path, 'utf8')));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unusable(`${path} is no kubeconfig: ${issue?.path.join('.')}`);
  }
  const { contexts, clusters, users, 'current-context': current } = parsed.data;
  const name = options.context ?? current ?? '';
  const context = contexts.find((each) => each.name === name)?.context;
  if (context === undefined) throw unusable(`${path} has no context ${name}`);
  const cluster = clusters.find((each) => each.name === context.cluster)?.cluster;
  if (cluster === undefined) throw unusable(`${path} has no cluster ${context.cluster}`);
  if (cluster['proxy-url'] !== undefined) throw unusable('its cluster has a proxy-url, which is not gone by');
  const user = (users ?? []).find((each) => each.name === context.user)?.user ?? {};
  const folder = dirname(path);
  const ca = await pem(folder, cluster['certificate-authority'], cluster['certificate-authority-data']);
  return {
    server: new URL(cluster.server),
    ...(ca === undefined ? {} : { ca }),
    ...(cluster['tls-server-name'] === undefined ? {} : { servername: cluster['tls-server-name'] }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { isUnproven: true } : {}),
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
    ...(await identityOf(user, folder, options)),
  };
}

async function identityOf(
  user: User,
  folder: string,
  { timeoutMs }: KubeconfigOptions,
): Promise<Pick<KubeAccess, 'token' | 'certificate'>> {
  if (user['auth-provider'] !== undefined || user.username !== undefined) {
    throw unusable('its user has an auth-provider or a password, which API servers take no more');
  }
  if (user.exec !== undefined) return byProgram(user.exec, folder, timeoutMs);
  const cert = await pem(folder, user['client-certificate'], user['client-certificate-data']);
  const key = await pem(folder, user['client-key'], user['client-key-data']);
  const token =
    user.tokenFile === undefined ? user.token : (await readFile(resolve(folder, user.tokenFile), 'utf8')).trim();
  return {
    ...(token === undefined ? {} : { token }),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
  };
}

const credential = z.object({
  kind: z.literal('ExecCredential'),
  status: z.object({
    token: text.optional(),
    clientCertificateData: text.optional(),
    clientKeyData: text.optional(),
  }),
});

/** As clouds have it (client-go, "credential plugins"): a program prints a token, or a certificate. It is not asked anything at a terminal. */
async function byProgram(
  { apiVersion, command, args, env }: z.infer<typeof exec>,
  folder: string,
  timeoutMs: number,
): Promise<Pick<KubeAccess, 'token' | 'certificate'>> {
  const info = { kind: 'ExecCredential', apiVersion, spec: { interactive: false } };
  const given = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
  // A path with a folder in it is taken from that of the file; a word is looked for on PATH.
  const program = command.includes('/') ? resolve(folder, command) : command;
  let told: unknown;
  try {
    const printed = await runProgram(
      { command: [program, ...(args ?? [])], folder, timeoutMs, keptBytes: 1 << 20 },
      [],
      { ...given, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    );
    told = JSON.parse(printed);
  } catch (error) {
    // What it has printed may be what lets one in.
    throw unusable(`\`${command}\` of its user failed, did not end in its time, or printed no JSON`, error);
  }
  const parsed = credential.safeParse(told);
  if (!parsed.success) throw unusable(`\`${command}\` of its user printed no ExecCredential`);
  const { token, clientCertificateData: cert, clientKeyData: key } = parsed.data.status;
  return {
    ...(token === undefined ? {} : { token }),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
  };
}

/** Data goes before a path, as kubectl has it. */
async function pem(folder: string, path: string | undefined, data: string | undefined): Promise<string | undefined> {
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  return path === undefined ? undefined : readFile(resolve(folder, path), 'utf8');
}

function unusable(why: string, cause?: unknown): TealError {
  return new TealError('TEAL-TRAFFIC-062', why, {}, cause);
}
