import { expect, test } from 'vitest'
import { startApp, type TestApp } from './support/app.ts'
import { initiate } from './support/websocket.ts'

const UPSTREAM_URL = 'http://127.0.0.1:1'
const MODES = {
  'pass-through': { UPSTREAM_URL },
  JWT: {
    UPSTREAM_URL,
    UPSTREAM_API_KEY: 'sk-held',
    JWKS_URL: 'http://127.0.0.1:1/jwks.json',
    JWT_ISSUER: 'https://login.example.com/',
    JWT_AUDIENCE: 'zerograph',
  },
}
const QUERY = '{ assets(first: 1) { totalCount } }'

const CASES = Object.entries(MODES).flatMap(([mode, settings]) =>
  [
    'sk-secret',
    'Basic c2stc2VjcmV0',
    'Token sk-secret',
    'Bearersk-secret',
    'Bearer: sk-secret',
  ].map((authorization) => [authorization, mode, settings] as const),
)

test.for(CASES)(
  'Authorization "%s" in %s mode is UNAUTHENTICATED, with a message that names Bearer',
  async ([authorization, , settings]) => {
    const app = await startApp(settings)

    const answers = [await overHttp(app, authorization), await overWebSocket(app, authorization)]

    for (const { errors } of answers) {
      expect(errors).toMatchObject([
        { message: expect.stringMatching(/Bearer/), extensions: { code: 'UNAUTHENTICATED' } },
      ])
      expect(errors[0].message).not.toMatch(/Missing credentials/)
    }
    expect(JSON.stringify([answers, app.log])).not.toMatch(/sk-secret|c2stc2VjcmV0/)
  },
)

test.for(['Bearer', 'Bearer ', 'Bearer two words', 'Bearer ä'])(
  'Authorization "%s" is UNAUTHENTICATED, with a message that says that the token is malformed',
  async (authorization) => {
    const app = await startApp({ UPSTREAM_URL })

    const { errors } = await overWebSocket(app, authorization)

    expect(errors).toMatchObject([
      { message: expect.stringMatching(/malformed/), extensions: { code: 'UNAUTHENTICATED' } },
    ])
  },
)

test.for(['bearer sk-key', 'BEARER  sk-key', '  Bearer sk-key  '])(
  'Authorization "%s" is a bearer key',
  async (authorization) => {
    const app = await startApp({ UPSTREAM_URL })

    for (const answer of [
      await overHttp(app, authorization),
      await overWebSocket(app, authorization),
    ]) {
      expect(answer).toEqual({ data: { assets: { totalCount: 0 } } })
    }
  },
)

test('a blank Authorization value is reported as a missing credential', async () => {
  const app = await startApp({ UPSTREAM_URL })

  for (const authorization of ['', '  ']) {
    const { errors } = await overWebSocket(app, authorization)
    expect(errors[0]).toMatchObject({ message: expect.stringMatching(/Missing credentials/) })
  }
})

test('a field that needs no credential ignores an invalid Authorization header', async () => {
  const app = await startApp({ UPSTREAM_URL })

  expect(await overHttp(app, 'Basic c2stc2VjcmV0', '{ __typename }')).toEqual({
    data: { __typename: 'Query' },
  })
})

async function overHttp({ url }: TestApp, authorization: string, query = QUERY) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query }),
  })
  return response.json()
}

/** Result of the query over a WebSocket whose connection_init carries this Authorization value. */
async function overWebSocket({ url }: TestApp, authorization: string) {
  const peer = await initiate(url, { type: 'connection_init', payload: { authorization } })
  peer.send({ id: '1', type: 'subscribe', payload: { query: QUERY } })
  const { payload } = await peer.next({ id: '1' })
  return payload
}
