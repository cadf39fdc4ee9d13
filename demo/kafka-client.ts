/** How clients reach a cluster. */
export interface ClusterOfClients {
  readonly bootstrap: string;
  readonly user?: { readonly username: string; readonly password: string };
}

export function clientOptions({ bootstrap, user }: ClusterOfClients, clientId: string) {
  return {
    clientId,
    bootstrapBrokers: [bootstrap],
    retries: 0,
    ...(user === undefined ? {} : { sasl: { mechanism: 'PLAIN' as const, ...user } }),
  };
}
