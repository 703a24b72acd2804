import { readFile } from 'node:fs/promises'
import { GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { z } from 'zod'

/** The documents that are admitted. No other document is admitted. */
export interface PersistedDocuments {
  /** Document texts by their ids in the manifest. */
  byId: ReadonlyMap<string, string>
  texts: ReadonlySet<string>
}

/** The manifest of Relay: document texts by id. */
const RelayManifest = z.record(z.string(), z.string())
/** The manifest that Apollo's `generate-persisted-query-manifest` writes. */
const ApolloManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  operations: z.array(z.object({ id: z.string(), body: z.string() })),
})

/**
 * Reads a manifest of Relay or of Apollo Client. Throws when the file cannot be read, is not JSON, or has neither
 * format.
 */
export async function readPersistedDocuments(path: string): Promise<PersistedDocuments> {
  const json = JSON.parse(await readFile(path, 'utf8'))
  const apollo = ApolloManifest.safeParse(json)
  if (apollo.success)
    return indexDocuments(apollo.data.operations.map(({ id, body }) => [id, body]))
  const relay = RelayManifest.safeParse(json)
  if (relay.success) return indexDocuments(Object.entries(relay.data))
  throw new Error(`${path} is neither a Relay manifest nor an Apollo Client manifest.`)
}

function indexDocuments(documents: [id: string, text: string][]): PersistedDocuments {
  return { byId: new Map(documents), texts: new Set(documents.map(([, text]) => text)) }
}

/** The request parameters in which clients send the id of a document. */
export const DOCUMENT_ID_PARAMS = ['documentId', 'doc_id', 'id']

/**
 * Returns the parameters with the text of the requested document. A request identifies its document by id or by its
 * full text. Without a manifest (`documents` is null) a request with a text is returned unchanged.
 *
 * Throws a GraphQLError when the document is not admitted. Apollo's PersistedQueryLink and urql's persistedExchange
 * depend on these messages:
 * - PersistedQueryNotSupported: there is no manifest. The client sends texts from then on.
 * - PersistedQueryNotFound: the id is not in the manifest. The client repeats the request with its text.
 * - any other message with the same code: the text is not in the manifest. The client reports the error.
 */
export function admitDocument(
  documents: PersistedDocuments | null,
  params: GraphQLParams,
): GraphQLParams {
  const id = documentIdOf(params)
  const text = params.query || null
  if (documents === null) {
    if (id === null || text !== null) return params
    throw notAdmitted('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')
  }
  const query = documents.byId.get(id ?? '') ?? text
  if (query === null) throw notAdmitted('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')
  if (documents.texts.has(query)) return { ...params, query }
  throw notAdmitted(
    'PERSISTED_QUERY_NOT_FOUND',
    'This document is not in the manifest of persisted documents.',
  )
}

/** Applies `admitDocument` to requests over HTTP. */
export function usePersistedDocuments(documents: PersistedDocuments | null): Plugin {
  return {
    onParams({ params, setParams }) {
      setParams(admitDocument(documents, params))
    },
  }
}

function documentIdOf(params: GraphQLParams): string | null {
  const all = params as Record<string, unknown>
  const named = DOCUMENT_ID_PARAMS.map((name) => all[name]).find((id) => typeof id === 'string')
  const persisted = params.extensions?.persistedQuery as { sha256Hash?: unknown } | undefined
  const id = named ?? persisted?.sha256Hash
  return typeof id === 'string' ? id : null
}

/** Not cacheable, because the next deployment may have another manifest. */
function notAdmitted(code: string, message: string): GraphQLError {
  const http = { status: 400, headers: { 'cache-control': 'no-store' } }
  return new GraphQLError(message, { extensions: { code, http } })
}
