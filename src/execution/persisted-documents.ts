import { readFile } from 'node:fs/promises'
import { GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { z } from 'zod'

/** The documents that may be asked for, by their ids. */
export type PersistedDocuments = ReadonlyMap<string, string>

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
  if (apollo.success) return new Map(apollo.data.operations.map(({ id, body }) => [id, body]))
  const relay = RelayManifest.safeParse(json)
  if (relay.success) return new Map(Object.entries(relay.data))
  throw new Error(`${path} is a manifest neither of Relay nor of Apollo Client.`)
}

/** Names under which clients send the id of a document. */
export const DOCUMENT_ID_PARAMS = ['documentId', 'doc_id', 'id']

/**
 * The request with the text of the document it names, by its id or by its very text.
 * Throws PERSISTED_QUERY_NOT_FOUND when it names none of them.
 */
export function admitPersisted(
  documents: PersistedDocuments,
  params: GraphQLParams,
): GraphQLParams {
  const query = documents.get(documentIdOf(params)) ?? known(documents, params.query)
  if (query !== undefined) return { ...params, query }
  throw new GraphQLError('This service takes persisted documents only, and knows none like this.', {
    extensions: { code: 'PERSISTED_QUERY_NOT_FOUND', http: { status: 400 } },
  })
}

/** Admits none but these documents over HTTP. */
export function usePersistedDocuments(documents: PersistedDocuments): Plugin {
  return {
    onParams({ params, setParams }) {
      setParams(admitPersisted(documents, params))
    },
  }
}

function documentIdOf(params: GraphQLParams): string {
  const given = params as Record<string, unknown>
  const named = DOCUMENT_ID_PARAMS.map((name) => given[name]).find((id) => typeof id === 'string')
  const hash = (params.extensions?.persistedQuery as { sha256Hash?: unknown } | undefined)
    ?.sha256Hash
  return String(named ?? hash ?? '')
}

function known(documents: PersistedDocuments, query: string | undefined): string | undefined {
  return [...documents.values()].find((text) => text === query)
}
