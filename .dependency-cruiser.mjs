/**
 * Who may import whom. A room sees itself and the rooms that stand beside it here, nothing else; the rules below are made from this table, and each one
 * carries the sentence that says what would be lost.
 */
const rooms = {
  kernel: { sees: [], because: 'words that everybody uses know nobody' },
  model: { sees: ['kernel'], because: 'rows, changes and positions are plain values of no system' },
  wire: { sees: ['kernel'], because: 'bytes to messages and back must stay testable without a socket' },
  ports: { sees: ['kernel', 'model'], because: 'what Teal asks of the outside cannot depend on who answers' },
  mapping: { sees: ['kernel', 'model'], because: 'a translation is read and judged before any system is touched' },
  spec: { sees: ['kernel', 'model'], because: "the user's file is read the same whatever runs it" },
  plan: {
    sees: ['kernel', 'model', 'spec', 'ports'],
    because: 'a plan is pure: the same file and facts give the same steps',
  },
  journal: { sees: ['kernel', 'model'], because: 'the record of truth outlives the code that made the entries' },
  engine: {
    sees: ['kernel', 'model', 'spec', 'plan', 'ports', 'journal'],
    because: 'the loop that runs steps must not know what any of them does',
  },
  sync: { sees: ['kernel', 'model', 'ports'], because: 'rows are merged the same between any two systems' },
  verify: { sees: ['kernel', 'model', 'ports'], because: 'a judge that knows an adapter repeats its mistakes' },
  stages: {
    sees: ['kernel', 'model', 'ports', 'spec', 'plan', 'journal', 'engine', 'sync', 'verify'],
    because: 'a stage that names a system works for one system only',
  },
  systems: {
    sees: ['kernel', 'model', 'ports', 'wire'],
    because: 'an adapter answers a port and knows nothing of why it is asked',
  },
  carriers: {
    sees: ['kernel', 'model', 'ports', 'sync'],
    because: 'a carrier carries between ports, not between products',
  },
  traffic: {
    sees: ['kernel', 'model', 'ports', 'wire'],
    because: 'a router holds and points clients; it decides nothing',
  },
  gates: { sees: ['kernel', 'model', 'ports'], because: 'an answer from outside must not depend on who waits for it' },
  observe: { sees: ['kernel', 'ports'], because: 'what is watched must run the same when nobody watches' },
  outbox: {
    sees: ['kernel', 'model', 'ports'],
    because: 'a relay keeps order and counts attempts the same from any database to any receiver',
  },
  'dual-write': {
    sees: ['kernel', 'model', 'ports', 'verify'],
    because: 'what is written twice is compared the same between any two systems',
  },
  server: {
    sees: ['kernel', 'model', 'spec', 'plan', 'journal', 'engine'],
    because: 'the API tells and asks; it does not act on systems itself',
  },
  testing: {
    sees: ['kernel', 'model', 'ports', 'wire'],
    because: "the conformance kit is published and tests other people's adapters",
  },
  app: {
    sees: 'kernel model mapping wire ports spec plan journal engine sync verify stages systems carriers traffic gates observe outbox dual-write server'.split(
      ' ',
    ),
    because: 'the only room that knows every adapter is known to the command line alone',
  },
  cli: { sees: ['kernel', 'spec', 'plan', 'app'], because: 'a command does what a library user can do, and no more' },
};

/** Rooms whose folders are adapters: one can be deleted without touching its neighbour. */
const roomsOfStrangers = ['systems', 'carriers', 'traffic', 'gates'];

/** Tests put any pieces together. */
const testFiles = '\\.test\\.ts$|(^|/)test-support/';

const roomRules = Object.entries(rooms).map(([room, { sees, because }]) => ({
  name: `${room}-sees-${sees.length === 0 ? 'nobody' : 'its-list-only'}`,
  comment: `${room} may import ${sees.join(', ') || 'no other room'}: ${because}.`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: testFiles },
  to: { path: '^src/', pathNot: `^src/(${[room, ...sees].join('|')})/` },
}));

const strangerRules = roomsOfStrangers.map((room) => ({
  name: `${room}-are-strangers`,
  comment: `Folders in ${room} do not know each other; what two of them need belongs to a room below.`,
  severity: 'error',
  from: { path: `^src/${room}/([^/]+)/`, pathNot: testFiles },
  to: { path: `^src/${room}/[^/]+/`, pathNot: `^src/${room}/$1/` },
}));

export default {
  forbidden: [
    ...roomRules,
    ...strangerRules,
    {
      name: 'every-file-has-a-room',
      comment: 'A folder of src that is not in the table above has no rule; give it a row.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${Object.keys(rooms).join('|')})/` },
      to: {},
    },
    {
      name: 'no-circles',
      comment: 'Two files that import each other cannot be read, tested or initialised one after the other.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'source-needs-no-workshop',
      comment: 'src is published; tools, tests, the demonstration and development dependencies are not.',
      severity: 'error',
      from: { path: '^src/', pathNot: testFiles },
      to: { path: '^(tools|test|bench|demo|examples)/|\\.test\\.ts$', pathNot: '^node_modules/' },
    },
    {
      name: 'nobody-needs-the-benchmark',
      comment: 'Measuring comes after everything: what a test or a tool needs of it belongs into tools.',
      severity: 'error',
      from: { path: '^(tools|test|demo|examples)/' },
      to: { path: '^bench/' },
    },
    {
      name: 'the-benchmark-needs-no-test',
      comment: 'It measures what users run: its pieces are those of src, tools and the demonstration.',
      severity: 'error',
      from: { path: '^bench/', pathNot: testFiles },
      to: { path: '^(test|examples)/' },
    },
    {
      name: 'the-console-sees-what-the-api-says',
      comment:
        'The page knows the API by the types of its answers: anything else of the program would be sent to the browser, or would tie the two together.',
      severity: 'error',
      from: { path: '^console/' },
      to: {
        path: '^(src|tools|test|bench|demo|examples)/',
        pathNot: '^src/server/(schemas|page-schemas|problems)\\.ts$',
      },
    },
    {
      name: 'the-console-takes-types-alone',
      comment: 'An import of a value would bring the schemas, and zod with them, into the page.',
      severity: 'error',
      from: { path: '^console/' },
      to: { path: '^src/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-needs-the-console',
      comment: 'It is built by its own tools and served as files; tests read its pure functions.',
      severity: 'error',
      from: { path: '^(src|tools|bench|demo|examples)/' },
      to: { path: '^console/' },
    },
    {
      name: 'source-needs-no-development-dependency',
      comment: 'What src imports must be installed with it.',
      severity: 'error',
      from: { path: '^src/', pathNot: testFiles },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that finds nothing fails when it is reached, perhaps in the middle of a cut.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Types are knowledge too: an import of a type counts.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6'],
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js'],
      conditionNames: ['import', 'node', 'types'],
      exportsFields: ['exports'],
    },
    doNotFollow: { path: 'node_modules' },
  },
};
