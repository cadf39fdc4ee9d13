import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { waitFor } from '../../../kernel/clock.ts';
import { kubeAccess, type KubeAccess } from '../kubeconfig.ts';

export interface KubeObjectGiven {
  readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly [word: string]: unknown;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const groupOf: Readonly<
  Record<string, { readonly kind: string; readonly plural: string; readonly versions: readonly string[] }>
> = {
  'networking.istio.io': { kind: 'VirtualService', plural: 'virtualservices', versions: ['v1'] },
  'argoproj.io': { kind: 'Rollout', plural: 'rollouts', versions: ['v1alpha1'] },
};

/** A real API server, asked by a user who may do all. Whatever it refuses is thrown. */
export class ApiServer {
  readonly #access: KubeAccess;

  private constructor(access: KubeAccess) {
    this.#access = access;
  }

  static async open(kubeconfig: string): Promise<ApiServer> {
    return new ApiServer(await kubeAccess({ kubeconfig, env: process.env, timeoutMs: 30_000 }));
  }

  /** How it is reached, and not by whom. */
  get place(): Pick<KubeAccess, 'server' | 'ca' | 'servername' | 'isUnproven'> {
    const { server, ca, servername, isUnproven } = this.#access;
    return {
      server,
      ...(ca === undefined ? {} : { ca }),
      ...(servername === undefined ? {} : { servername }),
      ...(isUnproven === undefined ? {} : { isUnproven }),
    };
  }

  /** Of objects that the cluster does not know yet: of their right shape is what is refused by the router, so nothing is checked but that there is a spec, and a status apart. */
  async definitions(): Promise<void> {
    for (const [group, { kind, plural, versions }] of Object.entries(groupOf)) {
      const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
      const made = await this.#ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${plural}.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
          versions: versions.map((name, place) => ({
            name,
            served: true,
            storage: place === 0,
            subresources: { status: {} },
            schema: { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } },
          })),
        },
      });
      if (made.status >= 300 && made.status !== 409) throw refused('make a definition', made);
      await waitFor({ what: `${plural} to be served`, timeoutMs: 60_000 }, async () => {
        const { status } = await this.#ask('GET', `/apis/${group}/${versions[0]}/${plural}`);
        return status === 200 || undefined;
      });
    }
  }

  async get(path: string): Promise<unknown> {
    return this.#must('GET', path);
  }

  async make(collection: string, object: KubeObjectGiven): Promise<void> {
    await this.#must('POST', collection, object);
  }

  /** New or not; its status where it has one. */
  async put(collection: string, object: KubeObjectGiven, writer = 'teal-test'): Promise<void> {
    const path = `${collection}/${object.metadata.name}`;
    const known = await this.#ask('GET', path);
    if (known.status === 404) {
      await this.make(`${collection}?fieldManager=${writer}`, object);
    } else {
      const { metadata } = known.body as { readonly metadata: Readonly<Record<string, unknown>> };
      const { resourceVersion } = metadata;
      await this.#must('PUT', `${path}?fieldManager=${writer}`, {
        ...object,
        metadata: { ...object.metadata, resourceVersion },
      });
    }
    if (object['status'] !== undefined) await this.#must('PATCH', `${path}/status`, { status: object['status'] });
  }

  /** A merge patch, whoever else writes. */
  async change(path: string, patch: object): Promise<void> {
    await this.#must('PATCH', path, patch);
  }

  async has(path: string): Promise<boolean> {
    return (await this.#ask('GET', path)).status === 200;
  }

  /** Of a service account. */
  async tokenOf(account: string): Promise<string> {
    const made = await this.#must('POST', `${account}/token`, { spec: { expirationSeconds: 3_600 } });
    return (made as { readonly status: { readonly token: string } }).status.token;
  }

  async remove(path: string): Promise<void> {
    await this.#must('DELETE', path);
  }

  async #must(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.#ask(method, path, body);
    if (answer.status >= 300) throw refused(`${method} ${path}`, answer);
    return answer.body;
  }

  async #ask(method: string, path: string, body?: object): Promise<Answer> {
    const { server, ca, servername, isUnproven, token, certificate } = this.#access;
    const url = new URL(path, server);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const options = {
      method,
      agent: false,
      headers: {
        ...(body === undefined ? {} : { 'content-type': type }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(ca === undefined ? {} : { ca }),
      ...(servername === undefined ? {} : { servername }),
      ...(isUnproven === true ? { rejectUnauthorized: false } : {}),
      ...certificate,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = url.protocol === 'https:' ? requestOverTls(url, options) : requestPlain(url, options);
      request.once('response', resolve).once('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return { status: response.statusCode ?? 0, body: JSON.parse(await text(response)) };
  }
}

function refused(what: string, { status, body }: Answer): Error {
  return new Error(`${what}: ${status}: ${JSON.stringify(body).slice(0, 500)}`);
}
