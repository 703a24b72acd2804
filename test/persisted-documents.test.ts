import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { admitDocument, readPersistedDocuments } from '../src/execution/persisted-documents.ts'
import { type Data, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { initiate } from './support/websocket.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const TEXT = '{ __typename }'

/** The four forms of a request that contains only the document id. */
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

test.for(CASES)('a document is found by %s over %s', async ([, , of, send]) => {
  const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

  expect(await send(app, of('abc'))).toEqual({ data: { __typename: 'Query' } })
})

test.for(CASES)(
  'an unknown %s over %s is PersistedQueryNotFound, so that clients send the text',
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
  'without a manifest a %s over %s is PersistedQueryNotSupported, so that clients stop sending ids',
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
  'without a manifest a text sent with its hash is executed over %s',
  async ([, send]) => {
    const app = await startApp({ UPSTREAM_URL })
    const sha256Hash = createHash('sha256').update(TEXT).digest('hex')
    const extensions = { persistedQuery: { version: 1, sha256Hash } }

    expect(await send(app, { query: TEXT, extensions })).toEqual({ data: { __typename: 'Query' } })
  },
)

test.for(Object.entries(TRANSPORTS))(
  'a text that is not in the manifest is refused over %s with its own message',
  async ([, send]) => {
    const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

    const { errors } = await send(app, { query: '{ a: __typename }' })

    expect(errors).toMatchObject([{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }])
    expect(errors[0].message).not.toMatch(/^PersistedQuery/)
  },
)

test('GraphiQL is not served when a manifest is set', async () => {
  const app = await startApp({ UPSTREAM_URL, PERSISTED_DOCUMENTS: manifest({ abc: TEXT }) })

  const page = await fetch(`${app.url}/graphql`, { headers: { accept: 'text/html' } })

  expect(String(page.headers.get('content-type'))).not.toContain('text/html')
})

test('the lookup of a text stays fast with 100 000 documents', async () => {
  const others = Array.from({ length: 100_000 }, (_, index) => [`${index}`, `{ a${index}: b }`])
  const documents = await readPersistedDocuments(
    manifest(Object.fromEntries([...others, ['abc', TEXT]])),
  )
  const startedAt = performance.now()

  for (let times = 0; times < 10_000; times += 1) admitDocument(documents, { query: TEXT })

  // 10 000 linear searches in 100 000 documents would take tens of seconds.
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

/** Writes a Relay manifest with these documents and returns its path. */
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

/** The result. An `error` message is returned as a result with `errors`. */
async function overWebSocket({ url }: TestApp, params: Data): Promise<Data> {
  const peer = await initiate(url)
  peer.send({ id: '1', type: 'subscribe', payload: params })
  const { type, payload } = await peer.next({ id: '1' })
  return type === 'error' ? { errors: payload } : payload
}
