import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { startApp, type TestApp, until } from './support/app.ts'
import { startIssuer } from './support/jwt.ts'
import { serve } from './support/serve.ts'
import { scriptUpstream } from './support/upstream.ts'

const CREATE = 'mutation { createAssetGroup(input: { name: "G" }) { __typename } }'
const FORMS = ['application/json', 'text/event-stream']
/** The response has several megabytes, more than the buffers of two sockets hold. */
const LONG = `{ ${Array.from({ length: 300 }, (_, index) => `a${index}: __schema { ...S }`).join(' ')} }
  fragment S on __Schema { types { name description fields { name description type { name } } } }`

test.for(FORMS)(
  'draining waits for a mutation whose token is still being verified, with a response as %s',
  async (accept) => {
    const upstream = await scriptUpstream()
    const issuer = await startIssuer()
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const slowKeys = await serve(async (_request, response) => {
      asked.resolve()
      await gate.promise
      response.end(await (await fetch(issuer.jwksUrl)).text())
    })
    const app = await startApp({
      UPSTREAM_URL: upstream.url,
      ...issuer.environment,
      JWKS_URL: slowKeys,
    })
    const answer = post(app, CREATE, {
      accept,
      authorization: `Bearer ${await issuer.token('ann')}`,
    })
    await asked.promise

    const stopping = app.stop()
    await untilDraining(app)
    gate.resolve()

    expect(await text(await answer)).toContain('{"createAssetGroup":{"__typename":"AssetGroup"}}')
    expect(upstream.calls).toHaveLength(1)
    await stopping
  },
)

test.for(FORMS)(
  'draining lets a slow client receive the complete response, as %s',
  async (accept) => {
    const app = await startApp({
      UPSTREAM_URL: 'http://127.0.0.1:1',
      MAX_TOKENS: '10000',
      MAX_ALIASES: '1000',
      MAX_COMPLEXITY: '100000000',
    })
    const answer = await post(app, LONG, { accept })

    const stopping = app.stop()
    await untilDraining(app)
    const whole = await text(answer)

    expect(whole.length).toBeGreaterThan(6 * 1024 * 1024)
    expect(whole.trimEnd()).toMatch(
      accept === 'text/event-stream' ? /event: complete\ndata:$/ : /\}$/,
    )
    await stopping
  },
)

async function untilDraining({ url }: TestApp): Promise<void> {
  await until(async () => (await fetch(`${url}/ready`)).status === 503)
}

/** Resolves when the response head arrives. The body stays unread until the test reads it. */
async function post(
  { url }: TestApp,
  query: string,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const sent = request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
  })
  const [response] = await once(sent.end(JSON.stringify({ query })), 'response')
  return response
}
