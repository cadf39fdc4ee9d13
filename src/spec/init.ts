export interface InitFacts {
  readonly name: string;
  readonly blue: { readonly version: string; readonly address: string };
  readonly green: { readonly version: string; readonly address: string };
  readonly schemas: readonly string[];
  readonly tables: number;
}

/** A commented file to begin with: what was found, and every choice that a first migration may want to make. Secrets stay in the environment. */
export function initSpecText(facts: InitFacts): string {
  const include = facts.schemas.map((schema) => JSON.stringify(`${schema}.*`)).join(', ');
  return `# Moves ${facts.blue.address} (${facts.blue.version}) to ${facts.green.address} (${facts.green.version}).
# ${facts.tables} tables were found on blue. Look at what will happen with \`teal assess\` and \`teal plan\`; nothing changes before \`teal up\`.
teal: 1
name: ${facts.name}

# Passwords stay out of this file: they come from the environment, or from a file ({ file: path }).
blue:  { system: postgres, url: "\${BLUE_URL}" }
green: { system: postgres, url: "\${GREEN_URL}" }

# Which tables move; * stands for any characters.
tables: { include: [${include}], exclude: [] }

# Clients connect here instead of to blue, before the cut. The listener speaks TLS when it is given a certificate.
traffic: { router: proxy, listen: "127.0.0.1:6432" }

cutover:
  # Clients never wait longer than this: past it the cut is given up and blue goes on.
  maxPause: 3s
  # A running transaction may take this long to end; it is never cancelled.
  drain: 2s
  # All of these must say yes before the cut. The last one is you: \`teal cutover\`.
  gates: [{ lag: 1s, for: 10s }, { verify: full }, { person: operator }]

# How long green is watched before \`teal finalise\` is offered. Until then \`teal rollback\` goes back with every write kept.
soak: { for: 24h }
finalise: { blue: keep }
`;
}

export interface KafkaInitFacts {
  readonly name: string;
  readonly blue: { readonly clusterId: string; readonly address: string };
  readonly green: { readonly clusterId: string; readonly address: string };
  readonly topics: number;
  readonly groups: number;
}

/** The same for two clusters of Kafka. */
export function initKafkaSpecText({ name, blue, green, topics, groups }: KafkaInitFacts): string {
  return `# Moves ${blue.address} (cluster ${blue.clusterId}) to ${green.address} (cluster ${green.clusterId}).
# ${topics} topics and ${groups} groups were found on blue. Look at what will happen with \`teal assess\` and \`teal plan\`; nothing changes before \`teal up\`.
teal: 1
name: ${name}

# Passwords stay out of this file: they come from the environment, or from a file ({ file: path }).
blue:  { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }

# Which topics move; * stands for any characters.
topics: { include: ["*"], exclude: [] }

# Which groups of consumers move, before the producers. With \`stop\` and \`start\` (programs, given the side and the group) Teal has their consumers
# ended and started; without them it waits until somebody has done it.
groups: { include: ["*"], exclude: [] }

# How producers are led: \`command\` or \`webhook\` (docs/guide/kafka.md). With \`none\` they are refused from the fence on, until they are started with the other address.
traffic: { router: none }

cutover:
  # Producers never wait longer than this: past it the cut is given up and blue goes on.
  maxPause: 10s
  # All of these must say yes before the groups and the producers move. The last one is you: \`teal cutover\`.
  gates: [{ lag: 1s, for: 10s }, { verify: full }, { person: operator }]

# How long green is watched before \`teal finalise\` is offered. Until then \`teal rollback\` goes back with every record kept.
soak: { for: 24h }
finalise: { blue: keep }
`;
}
