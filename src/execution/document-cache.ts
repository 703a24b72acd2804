import type { DocumentNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'

const MAX_ENTRIES = 1_000
/** Estimated memory of all documents together. */
const MAX_BYTES = 32 * 1024 * 1024
/** Longer documents, in bytes of UTF-8, are parsed and validated each time. */
const MAX_DOCUMENT_BYTES = 16 * 1024

/** Measured with graphql 17: a syntax tree takes 250 to 310 bytes a token, because it keeps all of its tokens. */
const BYTES_PER_TOKEN = 310
/** V8 keeps a string that is not Latin-1 in two bytes a character. */
const BYTES_PER_CHARACTER = 2

/** Valid documents by their text. */
export interface DocumentCache {
  /** The document with this text, or undefined when it is not cached. */
  get(text: string): DocumentNode | undefined
  /** Adds valid documents to the cache, and takes them from it. */
  plugin: Plugin
}

/**
 * Keeps the syntax trees of documents that were parsed and found valid, so that the next operation with the same text
 * needs neither step. It takes the place of Yoga's cache, which bounds the number of documents and not their memory.
 *
 * What is invalid is not kept: its errors are found again each time, and so reach the observers of operations.
 * One cache serves one handler, whose schema and validation rules do not change.
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

function memoryOf({ tokenCount = 0 }: DocumentNode, text: string): number {
  return tokenCount * BYTES_PER_TOKEN + text.length * BYTES_PER_CHARACTER
}
