import { GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { DOCUMENT_ID_PARAMS } from '../execution/persisted-documents.ts'

/**
 * Reads the parameters of an operation from a GET or from a POST of JSON, in place of Yoga's parsers: those compare media
 * types with case, also take types that need no preflight, repeat the body in errors, and ignore document ids of a GET.
 * Refuses with 400 what has no query; list it after the plugin that looks persisted documents up.
 */
export function useRequestParser(): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(parseGet)
      if (request.method === 'POST') {
        assertReadable(request.headers)
        assertAnswerable(request.headers)
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
  const given = URL.parse(url, 'http://localhost')?.searchParams ?? new URLSearchParams()
  const params: Record<string, unknown> = {}
  for (const name of TEXT_PARAMS) {
    const text = given.get(name)
    if (text) params[name] = text
  }
  for (const name of JSON_PARAMS) {
    const text = given.get(name)
    if (text) params[name] = parseJson(text, `The parameter "${name}"`)
  }
  return params
}

async function parsePost(request: Request): Promise<GraphQLParams> {
  const params = parseJson(await bodyOf(request), 'The body')
  // Yoga refuses arrays, which are batches.
  if (typeof params === 'object' && params !== null) return params
  throw badRequest('The body is not a JSON object.')
}

async function bodyOf(request: Request): Promise<string> {
  try {
    return await request.text()
  } catch (error) {
    // A body over the bound is told by a GraphQL error of Yoga; anything else is a connection that broke.
    throw error instanceof GraphQLError ? error : badRequest('The body did not arrive whole.')
  }
}

/** Does not say what JSON.parse says, which repeats the text. */
function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(`${subject} is not valid JSON.`)
  }
}

/**
 * Throws unless the body is plain JSON. Other types need no preflight, so a page of another site could send them from
 * inside a reader's network.
 */
function assertReadable(headers: Headers): void {
  if (!isJson(headers.get('content-type'))) {
    throw badRequest('POST takes application/json.', { status: 415 })
  }
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() || 'identity'
  if (encoding === 'identity') return
  // RFC 9110, 12.5.3: a 415 because of the coding says which codings are accepted.
  const accepted = { 'accept-encoding': 'identity' }
  throw badRequest('Compressed bodies are not accepted.', { status: 415, headers: accepted })
}

/** What a POST can be answered with. */
const ANSWERS = [
  'application/graphql-response+json',
  'application/json',
  'text/event-stream',
  'multipart/mixed',
]

/** Throws when no answer would be acceptable. Yoga says so after the execution, when a create has lost its answer. */
function assertAnswerable(headers: Headers): void {
  const ranges = (headers.get('accept') || '*/*')
    .split(',')
    // Answers are in UTF-8.
    .filter((range) => !/;\s*charset=(?!utf-8\b)/i.test(range))
    .map(mediaTypeOf)
  const isAccepted = ANSWERS.some((type) =>
    ranges.some((range) => [type, `${type.split('/')[0]}/*`, '*/*'].includes(range)),
  )
  if (isAccepted) return
  throw badRequest(`Accept one of: ${ANSWERS.join(', ')}.`, { status: 406 })
}

/** Media types are compared without case (RFC 9110, 8.3.1). */
function isJson(contentType: string | null): boolean {
  return mediaTypeOf(contentType ?? '') === 'application/json'
}

/** Without its parameters, in lower case. */
function mediaTypeOf(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase()
}

function badRequest(
  message: string,
  http: { status: number; headers?: Record<string, string> } = { status: 400 },
): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http } })
}
