import type { DocumentNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'

const MAX_ENTRIES = 1_000
/** Limit of the estimated memory of all documents. */
const MAX_BYTES = 32 * 1024 * 1024
/** Documents with more bytes of UTF-8 are not cached. */
const MAX_DOCUMENT_BYTES = 16 * 1024

/** Measured with graphql 16: a syntax tree uses 270 to 510 bytes per token, because it references all of its tokens. */
const BYTES_PER_TOKEN = 510
/** V8 stores a string that is not Latin-1 with two bytes per character. */
const BYTES_PER_CHARACTER = 2

/** Valid documents by their text. */
export interface DocumentCache {
  /** The document with this text, or undefined when it is not cached. */
  get(text: string): DocumentNode | undefined
  /** Adds valid documents to the cache, and takes them from it. */
  plugin: Plugin
}

/**
 * Caches the syntax trees of valid documents, so that the next operation with the same text is neither parsed nor
 * validated. Replaces the cache of Yoga, which limits the number of documents and not their memory.
 *
 * Invalid documents are not cached. They are validated again each time, so that operation observers receive the errors.
 * Create one cache per handler, because it is only valid for one schema and one set of validation rules.
 */
export function createDocumentCache(): DocumentCache {
  const documents = new LRUCache<string, DocumentNode>({
    max: MAX_ENTRIES,
    maxSize: MAX_BYTES,
    sizeCalculation: memoryOf,
  })
  return {
    get: (text) => documents.get(text),
    plugin: {
      onParse({ params, setParsedDocument }) {
        const known = documents.get(params.source.toString())
        if (known) setParsedDocument(known)
      },
      onValidate({ params: { documentAST }, setResult }) {
        const text = documentAST.loc?.source.body ?? ''
        if (documents.peek(text) === documentAST) return setResult([])
        return ({ valid }) => {
          if (valid && Buffer.byteLength(text) <= MAX_DOCUMENT_BYTES) {
            documents.set(text, documentAST)
          }
        }
      },
    },
  }
}

/** Estimated bytes. */
function memoryOf({ tokenCount = 0 }: DocumentNode, text: string): number {
  return tokenCount * BYTES_PER_TOKEN + text.length * BYTES_PER_CHARACTER
}
