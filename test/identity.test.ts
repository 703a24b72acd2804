import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { exportJWK, exportSPKI } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createAuthenticate } from '../src/auth/identity.ts'
import { type Data, startApp, type TestApp, temporaryFolder, until } from './support/app.ts'
import { eventsOf } from './support/event-stream.ts'
import {
  AUDIENCE,
  claimsOf,
  createKeyPair,
  ISSUER,
  type Issuer,
  inSeconds,
  type KeyPair,
  SERVER_KEY,
  startIssuer,
} from './support/jwt.ts'
import { startProcess } from './support/process.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const READ = '{ asset(id: "Asset-1") { status } }'
const WATCH = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'
const WATCH_GROUP = 'subscription { assetGroupStatusChanged(id: "group-1") { current } }'
const CREATE = `mutation ($name: String!) {
  createAssetGroup(input: { name: $name }) { ... on AssetGroup { id } ... on Error { code } }
}`
const LIST = '{ assetGroups { nodes { name } } }'

const EXPIRED = 'The token has expired.'
const EARLY = 'The token is not valid yet.'
const FOREIGN = 'The token is not valid for this service.'
const UNOWNED = 'The token does not name a tenant.'
const MISSING = expect.stringMatching(/^No credential came/)

/** What a token is like, by what is wrong with it. */
const BAD_TOKENS: Record<string, (issuer: Issuer) => Promise<string | null>> = {
  'no token': async () => null,
  'an expired one': ({ token }) => token('ann', { claims: { exp: inSeconds(-6) } }),
  'one that is not valid yet': ({ token }) => token('ann', { claims: { nbf: inSeconds(60) } }),
  'one for another audience': ({ token }) => token('ann', { claims: { aud: 'other' } }),
  'one of another issuer': ({ token }) => token('ann', { claims: { iss: `${ISSUER}x` } }),
  'one for ever': ({ token }) => token('ann', { claims: { exp: undefined } }),
  'one for nobody': ({ token }) => token('ann', { claims: { sub: undefined } }),
  'one for an empty name': ({ token }) => token(''),
  'one for a number': ({ token }) => token('ann', { claims: { sub: 7 } }),
  'one for a name too long': ({ token }) => token('a'.repeat(256)),
  'one signed by a stranger': async ({ token, pairs }) => {
    const stranger = await createKeyPair('ES256')
    return token('ann', { pair: { ...stranger, kid: pairs[0]?.kid ?? '' } })
  },
  'one signed with a key that is not published': async ({ token }) =>
    token('ann', { pair: await createKeyPair('ES256') }),
  'one signed with the public key as a secret': async ({ pairs: [pair] }) => {
    if (!pair) throw new Error('The issuer has no key.')
    const signed = `${encode({ alg: 'HS256', kid: pair.kid })}.${encode(claimsOf('ann'))}`
    const secret = await exportSPKI(pair.publicKey)
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
  },
  'one that is not signed': async () => `${encode({ alg: 'none' })}.${encode(claimsOf('ann'))}.`,
  'one with another payload': async ({ token }) => {
    const [header, , signature] = (await token('ann')).split('.')
    return `${header}.${encode(claimsOf('bob'))}.${signature}`
  },
  'a 0-0 key': async () => 'sk-test',
  'the server-held key': async () => SERVER_KEY,
}

const REASONS: Record<string, unknown> = {
  'no token': MISSING,
  'an expired one': EXPIRED,
  'one that is not valid yet': EARLY,
  'one for nobody': UNOWNED,
  'one for an empty name': UNOWNED,
  'one for a number': UNOWNED,
  'one for a name too long': UNOWNED,
}

test.for(Object.entries(BAD_TOKENS))(
  'with a JWT expected, %s is refused over every transport, and nothing is asked of 0-0',
  async ([name, make]) => {
    const { app, upstream, issuer } = await startWithIssuer()
    const token = await make(issuer)

    const answers = await overEveryTransport(app, token)

    const error = {
      message: REASONS[name] ?? FOREIGN,
      extensions: { code: 'UNAUTHENTICATED', retryable: false, requestId: expect.any(String) },
    }
    const refused = { errors: [expect.objectContaining(error)] }
    expect(answers).toEqual({
      POST: expect.objectContaining(refused),
      GET: expect.objectContaining(refused),
      SSE: expect.objectContaining(refused),
      WebSocket: expect.objectContaining(refused),
    })
    expect(upstream.calls).toEqual([])
    if (token) expect(JSON.stringify([answers, app.log])).not.toContain(token)
  },
)

test('a good JWT is answered over every transport, and 0-0 is asked with the server-held key', async () => {
  const { app, upstream, issuer } = await startWithIssuer()
  await registerAsset(app, upstream, await issuer.token('ann'))
  upstream.assets.set('Asset-1', { status: 'Active' })

  const answers = await overEveryTransport(app, await issuer.token('ann'))

  expect(answers).toEqual({
    POST: { data: { asset: { status: 'ACTIVE' } } },
    GET: { data: { asset: { status: 'ACTIVE' } } },
    SSE: { data: { assetStatusChanged: { current: 'ACTIVE' } } },
    WebSocket: { data: { asset: { status: 'ACTIVE' } } },
  })
  expect(upstream.calls.length).toBeGreaterThan(0)
  expect(new Set(upstream.calls.map(({ headers }) => headers.authorization))).toEqual(
    new Set([`Bearer ${SERVER_KEY}`]),
  )
})

test('without a token whatever needs no 0-0 is answered', async () => {
  const { app } = await startWithIssuer()

  const { data } = await app.query('{ __typename }', {}, null)

  expect(data).toEqual({ __typename: 'Query' })
})

test.for([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
])('a JWT signed with %s is good', async (algorithm) => {
  const issuer = await startIssuer()
  issuer.pairs = [await createKeyPair(algorithm)]

  const identity = await authenticator(issuer)(`Bearer ${await issuer.token('ann')}`)

  expect(identity).not.toBeNull()
})

test('a JWT names a tenant, who shares the key of the service and expires with it', async () => {
  const issuer = await startIssuer()
  const exp = inSeconds(60)
  const token = await issuer.token('a'.repeat(255), { claims: { exp } })

  expect(await authenticator(issuer)(`Bearer ${token}`)).toEqual({
    tenant: JSON.stringify(['jwt', ISSUER, 'sub', 'a'.repeat(255)]),
    credential: SERVER_KEY,
    isShared: true,
    expiresAt: exp * 1_000,
  })
})

test('a JWT that names none of several keys is refused, and that is no failure of the keys', async () => {
  const issuer = await startIssuer()
  issuer.pairs.push(await createKeyPair('ES256'))
  const [pair] = issuer.pairs
  const token = await issuer.token('ann', { pair: { ...pair, kid: undefined } as never })
  const told: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => told.push(error) })

  await expect(authenticate(`Bearer ${token}`)).rejects.toThrow(FOREIGN)

  expect(told).toEqual([])
})

test('the owner is the claim that TENANT_CLAIM names', async () => {
  const { app, issuer } = await startWithIssuer({ TENANT_CLAIM: 'https://example.com/org' })
  const of = (sub: string, org: string) =>
    issuer.token(sub, { claims: { 'https://example.com/org': org } })

  await app.query(CREATE, { name: 'Heroine' }, await of('ann', 'acme'))

  expect(await names(app, await of('bob', 'acme'))).toEqual(['Heroine'])
  expect(await names(app, await of('ann', 'umbrella'))).toEqual([])
  const { errors } = await app.query(READ, {}, await issuer.token('ann'))
  expect(errors?.[0]?.message).toBe(UNOWNED)
})

test('two tenants of one issuer have lists of their own, which a new token and a restart keep', async () => {
  const { app, upstream, issuer } = await startWithIssuer()
  await app.query(CREATE, { name: 'of Ann' }, await issuer.token('ann'))
  await app.query(CREATE, { name: 'of Bob' }, await issuer.token('bob'))
  const renewed = await issuer.token('ann', { claims: { exp: inSeconds(600), jti: 'second' } })

  const before = await names(app, renewed)
  await app.stop()
  const again = await startApp({
    ...issuer.environment,
    UPSTREAM_URL: upstream.url,
    DATA_DIR: app.dataDir,
  })

  expect(before).toEqual(['of Ann'])
  expect(await names(again, await issuer.token('ann'))).toEqual(['of Ann'])
  expect(await names(again, await issuer.token('bob'))).toEqual(['of Bob'])
})

test('no owner of one mode, issuer or claim is that of another', async () => {
  const issuer = await startIssuer()
  const pair = { tenantOf: (name: string) => name, upstreamApiKey: SERVER_KEY }
  const ownerBy = async (iss: string, tenantClaim: string, sub: string) => {
    const authenticate = authenticator(issuer, { ...pair, issuer: iss, tenantClaim })
    const token = await issuer.token(sub, { claims: { iss, org: sub } })
    return (await authenticate(`Bearer ${token}`))?.tenant ?? ''
  }
  const anonymous = createAuthenticate({
    ...pair,
    config: { mode: 'ANONYMOUS', upstreamApiKey: SERVER_KEY },
  })
  const passThrough = createAuthenticate({ ...pair, config: { mode: 'PASS_THROUGH' } })

  const owners = [
    await ownerBy('a', 'sub', 'b c'),
    await ownerBy('a b', 'sub', 'c'),
    await ownerBy('a', 'org', 'b c'),
    await ownerBy('a', 'sub', 'b","c'),
    await ownerBy('a', 'sub', '\ud800'),
    await ownerBy('a', 'sub', '\ud801'),
    (await anonymous(null))?.tenant ?? '',
  ]

  expect(new Set(owners).size).toBe(owners.length)
  for (const owner of owners) {
    const refusal = { failure: { code: 'UNAUTHENTICATED' } }
    await expect(passThrough(`Bearer ${owner}`)).rejects.toMatchObject(refusal)
  }
})

test('a JWT is good until it expires, give or take 5 seconds', async () => {
  const issuer = await startIssuer()
  const authenticate = authenticator(issuer)
  const exp = inSeconds(60)
  const token = await issuer.token('ann', { claims: { exp } })
  const at = (seconds: number) => {
    stopClockAt(exp + seconds)
    return authenticate(`Bearer ${token}`)
  }

  expect(await at(-1)).toMatchObject({ expiresAt: exp * 1_000 })
  expect(await at(4)).toMatchObject({ expiresAt: exp * 1_000 })
  await expect(at(5)).rejects.toThrow(EXPIRED)
})

test('whatever stands where a JWT is expected is refused and no error', async () => {
  const issuer = await startIssuer()
  const authenticate = authenticator(issuer)
  const segment = fc.oneof(
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.constantFrom(encode({ alg: 'ES256' }), encode({ alg: 'ES256', kid: issuer.pairs[0]?.kid })),
    fc.constantFrom(encode({ alg: 'ES256', crit: ['b64'], b64: false }), encode(claimsOf('ann'))),
    fc.stringMatching(/^[A-Za-z0-9\-._~+/]{0,40}$/),
  )

  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 5 }), async (segments) => {
      const outcome = await authenticate(`Bearer ${segments.join('.')}`).catch((error) => error)
      const code = outcome === null ? 'UNAUTHENTICATED' : outcome.failure?.code
      expect(code).toBe('UNAUTHENTICATED')
    }),
  )
})

test('a key published since is found when a token names it', async () => {
  const issuer = await startIssuer()
  const isGood = goodness(issuer)
  const start = inSeconds(0)
  stopClockAt(start)

  const first = await isGood()
  issuer.pairs = [await createKeyPair('ES256')]
  stopClockAt(start + 31)
  const second = await isGood()

  expect([first, second, issuer.fetches]).toEqual([true, true, 2])
})

test('a withdrawn key is good for 10 minutes at most', async () => {
  const issuer = await startIssuer()
  const isGood = goodness(issuer)
  const [withdrawn] = issuer.pairs
  const start = inSeconds(0)
  stopClockAt(start)

  const first = await isGood(withdrawn)
  issuer.pairs = [await createKeyPair('ES256')]
  stopClockAt(start + 599)
  const last = await isGood(withdrawn)
  stopClockAt(start + 600)

  expect([first, last, await isGood(withdrawn)]).toEqual([true, true, false])
})

test('tokens that name keys nobody published do not have the keys asked for again and again', async () => {
  const issuer = await startIssuer()
  const authenticate = authenticator(issuer)
  const pair = await createKeyPair('ES256')
  const tokens = Array.from({ length: 50 }, (_, index) =>
    issuer.token('ann', { pair: { ...pair, kid: `made-up-${index}` } }),
  )

  await Promise.allSettled(tokens.map(async (token) => authenticate(`Bearer ${await token}`)))
  await expect(authenticate(`Bearer ${await tokens[0]}`)).rejects.toThrow(FOREIGN)

  expect(issuer.fetches).toBe(1)
})

const BAD_JWKS: Record<string, Issuer['intercept']> = {
  'are away': (response) => response.destroy(),
  'give 503': (response) => response.writeHead(503).end('{}'),
  'are elsewhere': (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'are no JSON': (response) => response.end('<!doctype html>'),
  'are no keys': (response) => response.end('{"keys": 7}'),
  'never come': () => {},
  'come in drips': (response) => void response.write('{"keys"'),
  'never end': (response) => {
    const piece = `${' '.repeat(65_535)}\n`
    const write = () => {
      while (!response.closed && response.write(piece));
    }
    response.on('drain', write)
    write()
  },
  'are longer than 1 MiB': (response) => response.end(keysOf(MAX_JWKS_BYTES + 1)),
  'are longer than 1 MiB when decompressed': (response) =>
    response
      .setHeader('content-encoding', 'gzip')
      .end(gzipSync(Buffer.from(keysOf(MAX_JWKS_BYTES + 1)))),
  'are in a redirect without end': (response) => {
    response.writeHead(302, { location: '/jwks.json' }).write(' '.repeat(100_000))
  },
}

const MAX_JWKS_BYTES = 1024 * 1024

/** A JSON Web Key Set of so many bytes, without a key. */
function keysOf(bytes: number): string {
  const empty = '{"keys": []}'
  return empty + ' '.repeat(bytes - empty.length)
}

test('keys of 1 MiB are read', async () => {
  const issuer = await startIssuer()
  const [pair] = issuer.pairs
  if (!pair) throw new Error('The issuer has no key.')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: pair.kid }] })
  issuer.intercept = (response) => response.end(keys.padEnd(MAX_JWKS_BYTES))

  expect(await goodness(issuer)()).toBe(true)
})

test('what is too long is not read to its end', async () => {
  const issuer = await startIssuer()
  const closed = Promise.withResolvers<number>()
  issuer.intercept = (response) => {
    const { socket } = response
    response.on('close', () => closed.resolve(socket?.bytesWritten ?? 0))
    BAD_JWKS['never end']?.(response)
  }
  const told: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => told.push(error) })
  const startedAt = performance.now()

  await expect(authenticate(`Bearer ${await issuer.token('ann')}`)).rejects.toThrow(/cannot be had/)

  expect(await closed.promise).toBeLessThan(10 * MAX_JWKS_BYTES)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(told).toEqual([
    expect.objectContaining({ message: 'The answer is longer than 1048576 bytes.' }),
  ])
})

test.for(Object.entries(BAD_JWKS))(
  'when the keys of the issuer %s, a JWT is answered SERVICE_UNAVAILABLE within 5 seconds, and is good afterwards',
  async ([_name, intercept]) => {
    const { app, upstream, issuer } = await startWithIssuer()
    issuer.intercept = intercept
    const token = await issuer.token('ann')
    const startedAt = performance.now()

    const away = await app.query(READ, {}, token)
    const elapsedMs = performance.now() - startedAt
    const calls = upstream.calls.length
    issuer.intercept = null
    const back = await app.query(READ, {}, token)

    expect(away.errors).toMatchObject([
      {
        message: expect.stringMatching(/^The keys .* cannot be had now/),
        extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
      },
    ])
    expect(elapsedMs).toBeLessThan(5_000)
    expect(calls).toBe(0)
    expect(back).toEqual({ data: { asset: null } })
  },
)

test('why the keys cannot be had is told to whoever runs the service', async () => {
  const issuer = await startIssuer()
  issuer.intercept = (response) => response.writeHead(503).end()
  const told: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => told.push(error) })

  await expect(authenticate(`Bearer ${await issuer.token('ann')}`)).rejects.toThrow(/cannot be had/)
  await expect(authenticate('Bearer a.b.c')).rejects.toThrow(FOREIGN)

  expect(told).toEqual([expect.objectContaining({ message: expect.stringContaining('200 OK') })])
})

test('the server-held key is in no answer and no log, whatever 0-0 says', async () => {
  const { app, upstream, issuer } = await startWithIssuer()
  const echo = { message: `Bad key: ${SERVER_KEY}`, error: { message: SERVER_KEY }, detail: null }
  const answers = [
    'reset' as const,
    ...[302, 400, 401, 403, 404, 429, 500].map((status) => ({ status, body: echo })),
    { status: 200, body: { code: 400, msg: `Bearer ${SERVER_KEY}`, data: null } },
    { status: 200, body: `<html>${SERVER_KEY}` },
  ]
  const token = await issuer.token('ann')
  await registerAsset(app, upstream, token)
  upstream.assets.set('Asset-1', { status: 'Processing', error: `Bad key: ${SERVER_KEY}` })

  const failing = await app.query('{ asset(id: "Asset-1") { failureReason } }', {}, token)
  const said: unknown[] = [failing]
  for (const answer of answers) {
    upstream.intercept = () => answer
    said.push(await app.query(CREATE, { name: 'Heroine' }, token))
    said.push(await app.query(READ, {}, token))
  }
  said.push(await app.query('{ asset(id: "Asset-1") { nothing } }', {}, token))

  expect(upstream.calls.length).toBeGreaterThan(answers.length)
  expect(failing).toMatchObject({ data: { asset: { failureReason: 'Bad key: [key]' } } })
  expect(JSON.stringify([said, app.log])).not.toContain('server-held')
})

test('in the sandbox too a JWT is what one needs', async () => {
  const issuer = await startIssuer()
  const app = await startApp(issuer.environment)

  await app.query(CREATE, { name: 'Heroine' }, await issuer.token('ann'))

  expect(await names(app, await issuer.token('ann'))).toEqual(['Heroine'])
  expect(await names(app, await issuer.token('bob'))).toEqual([])
  expect((await app.query(LIST, {}, 'sk-test')).errors).toMatchObject([{ message: FOREIGN }])
})

test('in anonymous mode everybody is one tenant, over every transport, whatever they send', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    UPSTREAM_API_KEY: SERVER_KEY,
    ALLOW_ANONYMOUS: '1',
  })
  await app.query(CREATE, { name: 'Heroine' }, null)

  const answers = await overEveryTransport(app, null)

  expect(await names(app, 'sk-of-my-own')).toEqual(['Heroine'])
  expect(Object.values(answers).flatMap(({ errors = [] }) => errors)).toEqual([])
  expect(new Set(upstream.calls.map(({ headers }) => headers.authorization))).toEqual(
    new Set([`Bearer ${SERVER_KEY}`]),
  )
  expect(JSON.stringify(app.log)).not.toContain(SERVER_KEY)
})

test('a process that lets anybody in says so when it starts, and no other does', async () => {
  const start = (environment: Record<string, string>) =>
    startProcess({
      DATA_DIR: temporaryFolder(),
      UPSTREAM_URL: 'http://127.0.0.1:1',
      ...environment,
    })
  const warnings = ({ log }: { log: Data[] }) => log.filter(({ level }) => level === 40)

  const open = await start({ UPSTREAM_API_KEY: SERVER_KEY, ALLOW_ANONYMOUS: '1' })
  const usual = await start({})

  expect(warnings(open)).toMatchObject([{ msg: expect.stringMatching(/anybody .* spends/) }])
  expect(JSON.stringify(open.log)).not.toContain(SERVER_KEY)
  expect(warnings(usual)).toEqual([])
})

/** A service that expects JWTs, in front of an upstream that knows no asset. */
async function startWithIssuer(environment: Record<string, string> = {}) {
  const [upstream, issuer] = await Promise.all([scriptUpstream(), startIssuer()])
  const app = await startApp({
    ...issuer.environment,
    UPSTREAM_URL: upstream.url,
    ...environment,
  })
  return { app, upstream, issuer }
}

/** Registers `Asset-1`, in a group, for whoever the token names. */
async function registerAsset(app: TestApp, upstream: ScriptedUpstream, token: string) {
  upstream.intercept = ({ path, body }) =>
    path === '/v1/assets'
      ? { body: { code: 200, data: { ...(body as object), asset_id: 'Asset-1' } } }
      : undefined
  await app.query(CREATE, { name: 'Group' }, token)
  const { data } = await app.query(
    `mutation { createAsset(input: { groupId: "group-1", url: "https://example.com/a.png" }) {
      ... on Asset { assetId }
    } }`,
    {},
    token,
  )
  expect(data?.createAsset).toEqual({ assetId: 'Asset-1' })
  upstream.intercept = () => undefined
  upstream.calls.length = 0
}

interface AuthenticatorOptions {
  tenantOf?: (name: string) => string
  issuer?: string
  tenantClaim?: string
  onError?: (error: unknown) => void
}

function authenticator({ jwksUrl }: Issuer, options: AuthenticatorOptions = {}) {
  const { issuer = ISSUER, tenantClaim = 'sub', tenantOf = (name) => name, onError } = options
  return createAuthenticate({
    config: {
      mode: 'JWT',
      upstreamApiKey: SERVER_KEY,
      jwksUrl,
      issuer,
      audience: AUDIENCE,
      tenantClaim,
    },
    tenantOf,
    onError,
  })
}

/** Tells whether a new token, signed by the newest key or the one given, is taken. */
function goodness(issuer: Issuer) {
  const authenticate = authenticator(issuer)
  return async (pair?: KeyPair): Promise<boolean> => {
    const token = await issuer.token('ann', pair ? { pair } : {})
    const outcome = await authenticate(`Bearer ${token}`).catch(() => null)
    return outcome !== null
  }
}

/** Asks the same in the four ways there are; gives the first result of each. */
async function overEveryTransport({ url, query, subscribe }: TestApp, key: string | null) {
  const authorization: Record<string, string> =
    key === null ? {} : { authorization: `Bearer ${key}` }
  const get = async () => {
    const response = await fetch(`${url}/graphql?query=${encodeURIComponent(READ)}`, {
      headers: { ...authorization, accept: 'application/json' },
    })
    return (await response.json()) as Data
  }
  const stream = async () => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        ...authorization,
        accept: 'text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: WATCH }),
    })
    const text = await response.text()
    return JSON.parse(/^data: *(\{.*\})$/m.exec(text)?.[1] ?? text) as Data
  }
  return {
    POST: (await query(READ, {}, key)) as Data,
    GET: await get(),
    SSE: await stream(),
    WebSocket: (await subscribe(READ, {}, key).next()) as Data,
  }
}

async function names(app: TestApp, key: string): Promise<string[]> {
  const { data } = await app.query(LIST, {}, key)
  return data?.assetGroups.nodes.map(({ name }: { name: string }) => name)
}

function encode(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url')
}

/** Stops the clock, but no timer, until the test ends. */
function stopClockAt(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: seconds * 1_000 })
  onTestFinished(() => void vi.useRealTimers())
}

test('tenants who share the key of the service reach only what is registered for them, also by its id', async () => {
  const upstream = await scriptUpstream()
  const issuer = await startIssuer()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...issuer.environment })
  const [mine, theirs] = await Promise.all([issuer.token('me'), issuer.token('them')])
  const group = await app.query(
    'mutation { createAssetGroup(input: { name: "G" }) { ... on AssetGroup { groupId } } }',
    {},
    mine,
  )
  const { groupId } = group.data?.createAssetGroup ?? {}
  const register = `mutation ($groupId: ID!) {
    createAsset(input: { groupId: $groupId, url: "https://example.com/a.png" }) {
      ... on Asset { assetId } ... on Error { code }
    }
  }`
  const { assetId } = (await app.query(register, { groupId }, mine)).data?.createAsset ?? {}
  upstream.assets.set(assetId, { status: 'Active', group: groupId })
  const read = `query ($assetId: ID!, $groupId: ID!) {
    asset(id: $assetId) { assetId }
    assetGroup(id: $groupId) { groupId }
    previewVideoTask(input: { prompt: "A cat", resources: [{ role: FIRST_FRAME, assetId: $assetId }] }) {
      issues { path }
    }
  }`

  const forMe = await app.query(read, { assetId, groupId }, mine)
  const before = upstream.calls.length
  const forThem = await app.query(read, { assetId, groupId }, theirs)
  const intoMine = await app.query(register, { groupId }, theirs)
  const [watched] = await app
    .subscribe(
      'subscription ($id: ID!) { assetStatusChanged(ids: [$id]) { current } }',
      { id: assetId },
      theirs,
    )
    .rest()

  expect(forMe.data).toEqual({
    asset: { assetId },
    assetGroup: { groupId },
    previewVideoTask: { issues: [] },
  })
  expect(forThem.data).toEqual({
    asset: null,
    assetGroup: null,
    previewVideoTask: { issues: [{ path: ['resources', '0', 'assetId'] }] },
  })
  expect(intoMine.data?.createAsset).toEqual({ code: 'NOT_FOUND' })
  expect(watched?.errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
  expect(upstream.calls.slice(before).filter(({ method }) => method === 'POST')).toEqual([])
})

test('what reaches the provider unread is not taken where tenants share a key', async () => {
  const { app, upstream, issuer } = await startWithIssuer()
  const { data } = await app.query(
    `mutation { createVideoTask(input: { prompt: "A cat", providerOptions: { ark: { a: 1 } } }) {
      ... on InvalidInputError { issues { path } }
    } }`,
    {},
    await issuer.token('ann'),
  )

  expect(data?.createVideoTask).toEqual({ issues: [{ path: ['providerOptions'] }] })
  expect(upstream.calls).toEqual([])
})

test('an event stream ends with UNAUTHENTICATED when its token expires, and frees its place', async () => {
  const { app, issuer } = await startWithIssuer({ MAX_TENANT_SOCKETS: '1' })
  const exp = inSeconds(2)
  const token = await issuer.token('me', { claims: { exp } })
  await app.query(CREATE, { name: 'Heroine' }, token)
  const stream = async (token: string) => {
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query: WATCH_GROUP }),
    })
    await until(() => app.listeners() === 1)
    return response
  }

  const first = await stream(token)
  const events = eventsOf(await first.text())
  const endedAt = Date.now()
  const second = await stream(await issuer.token('me'))

  expect(endedAt).toBeGreaterThanOrEqual(exp * 1_000)
  expect(events).toEqual([
    {
      event: 'next',
      data: {
        errors: [
          expect.objectContaining({
            message: 'The credential has expired. Subscribe again with a new one.',
            extensions: expect.objectContaining({ code: 'UNAUTHENTICATED', retryable: false }),
          }),
        ],
      },
    },
    { event: 'complete', data: null },
  ])
  expect(second.status).toBe(200)
  await second.body?.cancel()
})

test('a subscription over WebSocket ends with 4403 when its token expires, and never with a complete', async () => {
  const { app, issuer } = await startWithIssuer()
  const exp = inSeconds(2)
  const token = await issuer.token('me', { claims: { exp } })
  await app.query(CREATE, { name: 'Heroine' }, token)

  const ended = app
    .subscribe(WATCH_GROUP, {}, token)
    .rest()
    .catch((error) => error)

  expect(await ended).toMatchObject({ code: 4403, reason: 'The credential has expired' })
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000)
  expect(Date.now()).toBeLessThan(exp * 1_000 + 1_000)
  expect(app.listeners()).toBe(0)
})
