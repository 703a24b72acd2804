import { GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { DOCUMENT_ID_PARAMS } from '../execution/persisted-documents.ts'

/**
 * Parses the parameters of a GET request or of a POST request with JSON. Replaces the parsers of Yoga: they compare
 * media types case-sensitively, accept media types that need no preflight, repeat the body in error messages, and
 * ignore document ids of a GET request.
 *
 * Throws BAD_REQUEST: status 400 for invalid or missing parameters, 406 when the client accepts no available media
 * type, and 415 for an unsupported body. List it after `usePersistedDocuments`, which sets the query of a document id.
 */
export function useRequestParser(): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(parseGet)
      if (request.method === 'POST') {
        assertPlainJson(request.headers)
        assertAcceptable(request.headers)
        setRequestParser(parsePost)
      }
    },
    onParams({ params }) {
      if (typeof params.query === 'string' && params.query !== '') return
      throw badRequest('Missing query: send a GraphQL document as the parameter "query".')
    },
  }
}

const TEXT_PARAMS = ['query', 'operationName', ...DOCUMENT_ID_PARAMS]
const JSON_PARAMS = ['variables', 'extensions']

function parseGet({ url }: Request): GraphQLParams {
  const search = URL.parse(url, 'http://localhost')?.searchParams ?? new URLSearchParams()
  const params: Record<string, unknown> = {}
  for (const name of TEXT_PARAMS) {
    const text = search.get(name)
    if (text) params[name] = text
  }
  for (const name of JSON_PARAMS) {
    const text = search.get(name)
    if (text) params[name] = parseJson(text, `The parameter "${name}"`)
  }
  return params
}

async function parsePost(request: Request): Promise<GraphQLParams> {
  const params = parseJson(await bodyOf(request), 'The body')
  // Yoga rejects arrays, which are batches.
  if (typeof params === 'object' && params !== null) return params
  throw badRequest('The body is not a JSON object.')
}

async function bodyOf(request: Request): Promise<string> {
  try {
    return await request.text()
  } catch (error) {
    // Yoga throws a GraphQLError when the body is too large. Any other error is a broken connection.
    throw error instanceof GraphQLError ? error : badRequest('The body is incomplete.')
  }
}

/** Omits the message of JSON.parse, because it repeats the text. */
function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(`${subject} is not valid JSON.`)
  }
}

/**
 * Throws unless the body is uncompressed JSON. Some other media types need no preflight, so a page of another site
 * could send them to a service in the private network of its visitor.
 */
function assertPlainJson(headers: Headers): void {
  if (!isJson(headers.get('content-type'))) {
    throw badRequest('POST takes application/json.', { status: 415 })
  }
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() || 'identity'
  if (encoding === 'identity') return
  // A 415 for an unsupported coding should list the accepted codings (RFC 9110, 12.5.3).
  const accepted = { 'accept-encoding': 'identity' }
  throw badRequest('Compressed bodies are not accepted.', { status: 415, headers: accepted })
}

/** The media types of responses to a POST. */
const RESPONSE_TYPES = [
  'application/graphql-response+json',
  'application/json',
  'text/event-stream',
  'multipart/mixed',
]

/**
 * Throws when the client accepts no available media type. Yoga checks this only after execution, when the result of a
 * create would be lost.
 */
function assertAcceptable(headers: Headers): void {
  const ranges = (headers.get('accept') || '*/*')
    .split(',')
    // Responses are in UTF-8.
    .filter((range) => !/;\s*charset=(?!utf-8\b)/i.test(range))
    .map(mediaTypeOf)
  const isAccepted = RESPONSE_TYPES.some((type) =>
    ranges.some((range) => [type, `${type.split('/')[0]}/*`, '*/*'].includes(range)),
  )
  if (isAccepted) return
  throw badRequest(`Accept one of: ${RESPONSE_TYPES.join(', ')}.`, { status: 406 })
}

/** Media types are case-insensitive (RFC 9110, 8.3.1). */
function isJson(contentType: string | null): boolean {
  return mediaTypeOf(contentType ?? '') === 'application/json'
}

/** The media type in lower case, without its parameters. */
function mediaTypeOf(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase()
}

function badRequest(
  message: string,
  http: { status: number; headers?: Record<string, string> } = { status: 400 },
): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http } })
}
