/** Local counterparts of the sources that the contract's examples name. */
import type { SourceType } from '../../src/wire/dataSources';

/** A server that stands in for a source, filled with one document of `content`, `title`, `url`, `filepath` and chunk `0`. */
export interface ExampleSource {
  /** Parameters in place of the printed ones: the address, and credentials that it takes. */
  parameters: Record<string, unknown>;
  /** Settings that the host needs to reach it. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** A document as the examples cite it. */
export interface ExampleDocument {
  content: string;
  title: string;
  url: string;
  filepath: string;
  chunk_id: string;
}

/** Starts the counterpart of a source, by its type. A type without one has its examples skipped. */
export const exampleSources: Partial<Record<SourceType, (document: ExampleDocument) => Promise<ExampleSource>>> = {};
