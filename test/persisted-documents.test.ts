import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { admitDocument, readPersistedDocuments } from '../src/execution/persisted-documents.ts'
import { type Data, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { initiate } from './support/websocket.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const TEXT = '{ __typename }'

/** A request that names the document by its id alone, in each of the four forms. */
const FORMS: readonly (readonly [name: string, of: (id: string) => Data])[] = [
  ['documentId', (documentId) => ({ documentId })],
  ['doc_id', (doc_id) => ({ doc_id })],
  ['id', (id) => ({ id })],
  [
    'extensions.persistedQuery.sha256Hash',
    (sha256Hash) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } }),
  ],
]

const TRANSPORTS = { GET: overGet, POST: overPost, WebSocket: overWebSocket }

const CASES = FORMS.flatMap(([name, of]) =>
  Object.entries(TRANSPORTS).map(([transport, send]) => [name, transport, of, send] as const),
)

test.for(CASES)('a document is found by its %s over %s', async ([, , of, send]) => {
  const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

  expect(await send(app, of('abc'))).toEqual({ data: { __typename: 'Query' } })
})

test.for(CASES)(
  'an unknown %s over %s is PERSISTED_QUERY_NOT_FOUND, in the words on which clients send the text',
  async ([, , of, send]) => {
    const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

    expect(await send(app, of('xyz'))).toMatchObject({
      errors: [
        { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
      ],
    })
  },
)

test.for(CASES)(
  'without a manifest a %s over %s is answered in the words on which clients stop sending ids',
  async ([, , of, send]) => {
    const app = await startApp({ UPSTREAM_URL })

    expect(await send(app, of('abc'))).toMatchObject({
      errors: [
        {
          message: 'PersistedQueryNotSupported',
          extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
        },
      ],
    })
  },
)

test.for(Object.entries(TRANSPORTS))(
  'without a manifest a text that comes with its hash is executed over %s',
  async ([, send]) => {
    const app = await startApp({ UPSTREAM_URL })
    const sha256Hash = createHash('sha256').update(TEXT).digest('hex')
    const extensions = { persistedQuery: { version: 1, sha256Hash } }

    expect(await send(app, { query: TEXT, extensions })).toEqual({ data: { __typename: 'Query' } })
  },
)

test.for(Object.entries(TRANSPORTS))(
  'a text that is not in the manifest is refused over %s in other words than an unknown id',
  async ([, send]) => {
    const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

    const { errors } = await send(app, { query: '{ a: __typename }' })

    expect(errors).toMatchObject([{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }])
    expect(errors[0].message).not.toMatch(/^PersistedQuery/)
  },
)

test('with a manifest there is no GraphiQL page', async () => {
  const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

  const page = await fetch(`${app.url}/graphql`, { headers: { accept: 'text/html' } })

  expect(String(page.headers.get('content-type'))).not.toContain('text/html')
})

test('looking a text up takes no longer with many documents than with few', async () => {
  const others = Array.from({ length: 100_000 }, (_, index) => [`${index}`, `{ a${index}: b }`])
  const documents = await readPersistedDocuments(
    manifest(Object.fromEntries([...others, ['abc', TEXT]])),
  )
  const startedAt = performance.now()

  for (let times = 0; times < 10_000; times += 1) admitDocument(documents, { query: TEXT })

  // Ten thousand walks over a hundred thousand documents would take tens of seconds.
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

/** A manifest of Relay with these documents; gives its path. */
function manifest(documents: Record<string, string>): string {
  const path = join(temporaryFolder(), 'manifest.json')
  writeFileSync(path, JSON.stringify(documents))
  return path
}

async function overPost({ url }: TestApp, params: Data): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
  })
  return response.json()
}

async function overGet({ url }: TestApp, params: Data): Promise<Data> {
  const query = new URLSearchParams(
    Object.entries(params).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
  const response = await fetch(`${url}/graphql?${query}`, {
    headers: { accept: 'application/json' },
  })
  return response.json()
}

/** The result, or the errors of an `error` message in the form of a result. */
async function overWebSocket({ url }: TestApp, params: Data): Promise<Data> {
  const peer = await initiate(url)
  peer.send({ id: '1', type: 'subscribe', payload: params })
  const { type, payload } = await peer.next({ id: '1' })
  return type === 'error' ? { errors: payload } : payload
}
