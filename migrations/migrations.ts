import type { MigrationInterface } from 'typeorm';
import { EventLog20261121000100 } from './20261121000100-event-log.js';
import { Ledger20261121000300 } from './20261121000300-ledger.js';
import { Jobs20261121024000 } from './20261121024000-jobs.js';
import { Projections20261121023500 } from './20261121023500-projections.js';
import { Retrieval20261121000450 } from './20261121000450-retrieval.js';
import { Content20261121000450 } from './20261121000450-content.js';
import { Idempotency20261121000460 } from './20261121000460-idempotency.js';
import { RecordedStreams20261121000900 } from './20261121000900-recorded-streams.js';
import { Trigrams20261123233000 } from './20261123233000-trigrams.js';
import { AppendUnderFreeze20261127130000 } from './20261127130000-append-under-freeze.js';
import { StreamHeaders20261127131000 } from './20261127131000-stream-headers.js';
import { VersionMetadata20261127120000 } from './20261127120000-version-metadata.js';
import { Authorization20261127121000 } from './20261127121000-authorization.js';
import { VersionSpaces20261127131900 } from './20261127131900-version-spaces.js';
import { JudgeByEventId20261127154500 } from './20261127154500-judge-by-event-id.js';
import { ChunkPages20261127160000 } from './20261127160000-chunk-pages.js';
import { ContentPieces20261127160100 } from './20261127160100-content-pieces.js';
import { VersionParts20261127160200 } from './20261127160200-version-parts.js';
import { StreamsOfASubject20261127200000 } from './20261127200000-streams-of-a-subject.js';
import { StreamWithoutKeyCheck20261128040000 } from './20261128040000-stream-without-key-check.js';
import { AppendTellsWhen20261128110000 } from './20261128110000-append-tells-when.js';
import { AppendFitting20261128190000 } from './20261128190000-append-fitting.js';
import { PostingSegments20261128220000 } from './20261128220000-posting-segments.js';
import { VersionSpaceParts20261129090000 } from './20261129090000-version-space-parts.js';
import { Descriptions20261129100000 } from './20261129100000-descriptions.js';

/** Every migration of the durable tables, in order; forward only. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  EventLog20261121000100,
  Ledger20261121000300,
  Projections20261121023500,
  Jobs20261121024000,
  Retrieval20261121000450,
  Content20261121000450,
  Idempotency20261121000460,
  RecordedStreams20261121000900,
  Trigrams20261123233000,
  VersionMetadata20261127120000,
  AppendUnderFreeze20261127130000,
  Authorization20261127121000,
  StreamHeaders20261127131000,
  VersionSpaces20261127131900,
  JudgeByEventId20261127154500,
  ChunkPages20261127160000,
  ContentPieces20261127160100,
  VersionParts20261127160200,
  StreamsOfASubject20261127200000,
  StreamWithoutKeyCheck20261128040000,
  AppendTellsWhen20261128110000,
  AppendFitting20261128190000,
  PostingSegments20261128220000,
  VersionSpaceParts20261129090000,
  Descriptions20261129100000,
];
