/** What the tests use of it: it comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface ProviderContext {
    readonly path: string;
    body: unknown;
    readonly oidc?: {
      readonly session?: { readonly accountId?: string };
      readonly client: { readonly clientId: string };
    };
  }

  export default class Provider {
    static readonly Grant: never;
    readonly Grant: new (of: { readonly accountId: string | undefined; readonly clientId: string }) => {
      addOIDCScope(scope: string): void;
      save(): Promise<string>;
    };
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    use(middleware: (context: ProviderContext, next: () => Promise<void>) => Promise<void>): this;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Readonly<Record<string, unknown>>,
      options: { readonly mergeWithLastSubmission: boolean },
    ): Promise<void>;
  }
}

declare module 'oidc-provider/lib/adapters/memory_adapter.js' {
  /** What is kept dies with the process: here on purpose, so that nothing warns of it. */
  export function createMemoryAdapter(): unknown;
}
