import type { ChunkSettings } from '#domain/kernel/text/chunker.js';

/** A document of the demo corpus; each section is one chunk under `chunks`. */
export interface DemoDocument {
  readonly document_id: string;
  readonly filename: string;
  readonly title: string;
  readonly text: string;
  readonly chunks: ChunkSettings;
}

export const demoTenantId = 't1';
export const demoCorpusId = 'c1';
export const demoQuestion = 'What are the release gates for Agent 2.0?';

// Small enough that no two sections fit into one chunk, large enough that none is cut.
const chunks: ChunkSettings = { size: 500, overlap: 0 };

/** Three documents, ten sections, ten chunks. */
export const demoDocuments: readonly DemoDocument[] = [
  {
    document_id: 'agent-testing-strategy',
    filename: 'agent-testing-strategy.md',
    title: 'Agent 2.0: testing strategy',
    text: [
      'Overview: The testing strategy of Agent 2.0 puts most checks where they are cheap. Pure decisions are tested with ' +
        'given, when and then; adapters are tested against real services; a few journeys run through the whole system. ' +
        'A failing check names the promise that was broken, so that nobody has to guess what it protects.',
      'Unit Coverage: Every rule of a decision has at least one unit test for its acceptance and one for its refusal. ' +
        'Line coverage of the domain stays above ninety percent, and laws such as determinism are checked with generated ' +
        'cases. Unit tests use no network, no clock and no shared state, and the whole set ends within one minute.',
      'Release Gates: The release gates for Agent 2.0 are four. All tests pass on both database engines. Retrieval ' +
        'quality is not below that of the last release. The median time to the first token stays under 300 milliseconds. ' +
        'No known security finding of high severity is open. A release that misses one gate does not ship.',
    ].join('\n\n'),
    chunks,
  },
  {
    document_id: 'agent-conversations',
    filename: 'agent-conversations.md',
    title: 'Agent 2.0: conversations',
    text: [
      'Streaming: The agent sends its answer as numbered events while it is still being written. A client that lost its ' +
        'connection asks for the events after the last number it saw and misses none. A quiet stream carries a heartbeat, ' +
        'so that proxies keep it open, and it always ends with an explicit final event.',
      'State: A conversation moves through loading its history, finding passages, writing the answer and saving. Each ' +
        'step reads the state that the step before it left and adds to it, which makes a run easy to inspect and to ' +
        'repeat. Nothing is kept in the memory of one process that another one would need.',
      'Persistence: Questions are stored before the first word is generated, answers before they are announced as ' +
        'complete. Checkpoints hold references to earlier messages and never copies of them, so a long conversation does ' +
        'not grow with the square of its length. Erasing a user destroys the key that opens the texts.',
    ].join('\n\n'),
    chunks,
  },
  {
    document_id: 'agent-operations',
    filename: 'agent-operations.md',
    title: 'Agent 2.0: operations',
    text: [
      'Validation: Requests are checked at the edge against their declared shape. Unknown fields are refused, sizes are ' +
        'bounded, and the answer lists every problem with the path of its field, so that a caller can repair all of them ' +
        'in one go. What passed the edge is not checked a second time further in.',
      'Error Handling: An error has a stable code, a sentence for people and the id of its request. Temporary failures of ' +
        'a provider are retried within a budget; after that a circuit breaker opens and callers hear so at once. Internal ' +
        'details go to the log and never to a client.',
      'Local Retrieval: Without any provider the agent embeds texts on its own machine and searches them in Postgres. ' +
        'Vector similarity and keyword weights are combined, and only documents that the caller may read take part. The ' +
        'answer quotes what it found and numbers its sources.',
      'Observability: Each run reports how long its steps took, how many passages it read and what it cost. Traces follow ' +
        'a request from the edge to the database, metrics show queues and lag, and logs carry the same request id. ' +
        'Dashboards and alerts are made from these three and from nothing else.',
    ].join('\n\n'),
    chunks,
  },
];
