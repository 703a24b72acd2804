import { readFile } from 'node:fs/promises'
import { GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { z } from 'zod'

/** The only documents that are admitted. Both look-ups are one access of a map or set. */
export interface PersistedDocuments {
  /** Texts by the ids of the manifest. */
  byId: ReadonlyMap<string, string>
  texts: ReadonlySet<string>
}

/** Relay's: ids to texts. */
const RelayManifest = z.record(z.string(), z.string())
/** Apollo Client's, of `generate-persisted-query-manifest`. */
const ApolloManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  operations: z.array(z.object({ id: z.string(), body: z.string() })),
})

/** Reads a manifest of Relay or of Apollo Client. Throws, saying which file, when it is neither. */
export async function readPersistedDocuments(path: string): Promise<PersistedDocuments> {
  const json = JSON.parse(await readFile(path, 'utf8'))
  const apollo = ApolloManifest.safeParse(json)
  if (apollo.success) return indexed(apollo.data.operations.map(({ id, body }) => [id, body]))
  const relay = RelayManifest.safeParse(json)
  if (relay.success) return indexed(Object.entries(relay.data))
  throw new Error(`${path} is a manifest neither of Relay nor of Apollo Client.`)
}

function indexed(documents: [id: string, text: string][]): PersistedDocuments {
  return { byId: new Map(documents), texts: new Set(documents.map(([, text]) => text)) }
}

/** Parameters under which clients send the id of a document. */
export const DOCUMENT_ID_PARAMS = ['documentId', 'doc_id', 'id']

/**
 * The parameters with the text of the document that they name, by its id or by its very text. Without a manifest
 * (`documents` is null) a request with a text is returned as it is.
 *
 * Throws a GraphQLError when the document is not admitted. Apollo's PersistedQueryLink and urql's persistedExchange
 * look for the messages of the first two:
 * - PersistedQueryNotSupported: there is no manifest. They send texts from then on.
 * - PersistedQueryNotFound: the manifest has no such id. They repeat this request with its text.
 * - any other message with the same code: the text is not in the manifest. They report it.
 */
export function admitDocument(
  documents: PersistedDocuments | null,
  params: GraphQLParams,
): GraphQLParams {
  const id = documentIdOf(params)
  const text = params.query || null
  if (documents === null) {
    if (id === null || text !== null) return params
    throw refused('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')
  }
  const query = documents.byId.get(id ?? '') ?? text
  if (query === null) throw refused('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')
  if (documents.texts.has(query)) return { ...params, query }
  throw refused(
    'PERSISTED_QUERY_NOT_FOUND',
    'This document is not in the manifest of persisted documents, and no other is admitted.',
  )
}

/** Admits documents over HTTP as `admitDocument` does. */
export function usePersistedDocuments(documents: PersistedDocuments | null): Plugin {
  return {
    onParams({ params, setParams }) {
      setParams(admitDocument(documents, params))
    },
  }
}

function documentIdOf(params: GraphQLParams): string | null {
  const given = params as Record<string, unknown>
  const named = DOCUMENT_ID_PARAMS.map((name) => given[name]).find((id) => typeof id === 'string')
  const persisted = params.extensions?.persistedQuery as { sha256Hash?: unknown } | undefined
  const id = named ?? persisted?.sha256Hash
  return typeof id === 'string' ? id : null
}

/** Not to be cached: what one deployment does not know, the next may know. */
function refused(code: string, message: string): GraphQLError {
  const http = { status: 400, headers: { 'cache-control': 'no-store' } }
  return new GraphQLError(message, { extensions: { code, http } })
}
