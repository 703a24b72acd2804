import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { exportJWK, exportSPKI } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createAuthenticate } from '../src/auth/authenticate.ts'
import { errorHelpOf } from '../src/model/error-codes.ts'
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
const SUBSCRIPTION = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'
const GROUP_SUBSCRIPTION = 'subscription { assetGroupStatusChanged(id: "group-1") { current } }'
const CREATE = `mutation ($name: String!) {
  createAssetGroup(input: { name: $name }) { ... on AssetGroup { id } ... on Error { code } }
}`
const LIST = '{ assetGroups { nodes { name } } }'

const EXPIRED = 'The token has expired.'
const EARLY = 'The token is not valid yet.'
const FOREIGN = 'The token is not valid for this service.'
const UNOWNED = 'The token does not name a tenant.'
const MISSING = expect.stringMatching(/^Missing credentials/)

/** Creates an invalid token for each defect. */
const BAD_TOKENS: Record<string, (issuer: Issuer) => Promise<string | null>> = {
  'no token': async () => null,
  'an expired token': ({ token }) => token('ann', { claims: { exp: inSeconds(-6) } }),
  'a token that is not valid yet': ({ token }) => token('ann', { claims: { nbf: inSeconds(60) } }),
  'a token for another audience': ({ token }) => token('ann', { claims: { aud: 'other' } }),
  'a token of another issuer': ({ token }) => token('ann', { claims: { iss: `${ISSUER}x` } }),
  'a token without an expiry time': ({ token }) => token('ann', { claims: { exp: undefined } }),
  'a token without a subject': ({ token }) => token('ann', { claims: { sub: undefined } }),
  'a token with an empty subject': ({ token }) => token(''),
  'a token with a number as subject': ({ token }) => token('ann', { claims: { sub: 7 } }),
  'a token with a too long subject': ({ token }) => token('a'.repeat(256)),
  'a token signed by another key with the published key id': async ({ token, pairs }) => {
    const otherPair = await createKeyPair('ES256')
    return token('ann', { pair: { ...otherPair, kid: pairs[0]?.kid ?? '' } })
  },
  'a token signed with an unpublished key': async ({ token }) =>
    token('ann', { pair: await createKeyPair('ES256') }),
  'a token signed with the public key as HMAC secret': async ({ pairs: [pair] }) => {
    if (!pair) throw new Error('The issuer has no key.')
    const signed = `${encode({ alg: 'HS256', kid: pair.kid })}.${encode(claimsOf('ann'))}`
    const secret = await exportSPKI(pair.publicKey)
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
  },
  'an unsigned token': async () => `${encode({ alg: 'none' })}.${encode(claimsOf('ann'))}.`,
  'a token with a changed payload': async ({ token }) => {
    const [header, , signature] = (await token('ann')).split('.')
    return `${header}.${encode(claimsOf('bob'))}.${signature}`
  },
  'a 0-0 key': async () => 'sk-test',
  'the server-held key': async () => SERVER_KEY,
}

const REASONS: Record<string, unknown> = {
  'no token': MISSING,
  'an expired token': EXPIRED,
  'a token that is not valid yet': EARLY,
  'a token without a subject': UNOWNED,
  'a token with an empty subject': UNOWNED,
  'a token with a number as subject': UNOWNED,
  'a token with a too long subject': UNOWNED,
}

test.for(Object.entries(BAD_TOKENS))(
  'in JWT mode, %s is refused over every transport without an upstream request',
  async ([name, make]) => {
    const { app, upstream, issuer } = await startWithIssuer()
    const token = await make(issuer)

    const answers = await overEveryTransport(app, token)

    const error = {
      message: REASONS[name] ?? FOREIGN,
      extensions: {
        code: 'UNAUTHENTICATED',
        retryable: false,
        requestId: expect.any(String),
        ...errorHelpOf('UNAUTHENTICATED'),
      },
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

test('a valid JWT is accepted over every transport, and 0-0 receives the server-held key', async () => {
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

test('a field that does not use 0-0 needs no token', async () => {
  const { app } = await startWithIssuer()

  const { data } = await app.query('{ __typename }', {}, null)

  expect(data).toEqual({ __typename: 'Query' })
})

test.for([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
])('a JWT signed with %s is accepted', async (algorithm) => {
  const issuer = await startIssuer()
  issuer.pairs = [await createKeyPair(algorithm)]

  const identity = await authenticator(issuer)(`Bearer ${await issuer.token('ann')}`)

  expect(identity).not.toBeNull()
})

test('a JWT gives the tenant, the shared key of the service and the expiry time', async () => {
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

test('a JWT without a key id is refused if there are several keys, and no error is reported', async () => {
  const issuer = await startIssuer()
  issuer.pairs.push(await createKeyPair('ES256'))
  const [pair] = issuer.pairs
  const token = await issuer.token('ann', { pair: { ...pair, kid: undefined } as never })
  const reported: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => reported.push(error) })

  await expect(authenticate(`Bearer ${token}`)).rejects.toThrow(FOREIGN)

  expect(reported).toEqual([])
})

test('the tenant is the value of the claim that TENANT_CLAIM names', async () => {
  const { app, issuer } = await startWithIssuer({ TENANT_CLAIM: 'https://example.com/org' })
  const of = (sub: string, org: string) =>
    issuer.token(sub, { claims: { 'https://example.com/org': org } })

  await app.query(CREATE, { name: 'Heroine' }, await of('ann', 'acme'))

  expect(await names(app, await of('bob', 'acme'))).toEqual(['Heroine'])
  expect(await names(app, await of('ann', 'umbrella'))).toEqual([])
  const { errors } = await app.query(READ, {}, await issuer.token('ann'))
  expect(errors?.[0]?.message).toBe(UNOWNED)
})

test('two tenants of one issuer have separate lists, which a new token and a restart keep', async () => {
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

test('tenants of different modes, issuers or claims are different', async () => {
  const issuer = await startIssuer()
  const pair = { tenantOf: (name: string) => name, upstreamApiKey: SERVER_KEY }
  const tenantBy = async (iss: string, tenantClaim: string, sub: string) => {
    const authenticate = authenticator(issuer, { ...pair, issuer: iss, tenantClaim })
    const token = await issuer.token(sub, { claims: { iss, org: sub } })
    return (await authenticate(`Bearer ${token}`))?.tenant ?? ''
  }
  const anonymous = createAuthenticate({
    ...pair,
    config: { mode: 'ANONYMOUS', upstreamApiKey: SERVER_KEY },
  })
  const passThrough = createAuthenticate({ ...pair, config: { mode: 'PASS_THROUGH' } })

  const tenants = [
    await tenantBy('a', 'sub', 'b c'),
    await tenantBy('a b', 'sub', 'c'),
    await tenantBy('a', 'org', 'b c'),
    await tenantBy('a', 'sub', 'b","c'),
    await tenantBy('a', 'sub', '\ud800'),
    await tenantBy('a', 'sub', '\ud801'),
    (await anonymous(null))?.tenant ?? '',
  ]

  expect(new Set(tenants).size).toBe(tenants.length)
  for (const tenant of tenants) {
    const refusal = { failure: { code: 'UNAUTHENTICATED' } }
    await expect(passThrough(`Bearer ${tenant}`)).rejects.toMatchObject(refusal)
  }
})

test('a JWT is accepted until 5 seconds after its expiry time', async () => {
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

test('a malformed token is UNAUTHENTICATED, and never an internal error', async () => {
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

test('a newly published key is fetched when a token names it', async () => {
  const issuer = await startIssuer()
  const isAccepted = createTokenCheck(issuer)
  const start = inSeconds(0)
  stopClockAt(start)

  const first = await isAccepted()
  issuer.pairs = [await createKeyPair('ES256')]
  stopClockAt(start + 31)
  const second = await isAccepted()

  expect([first, second, issuer.fetches]).toEqual([true, true, 2])
})

test('a withdrawn key is accepted for at most 10 minutes', async () => {
  const issuer = await startIssuer()
  const isAccepted = createTokenCheck(issuer)
  const [withdrawn] = issuer.pairs
  const start = inSeconds(0)
  stopClockAt(start)

  const first = await isAccepted(withdrawn)
  issuer.pairs = [await createKeyPair('ES256')]
  stopClockAt(start + 599)
  const last = await isAccepted(withdrawn)
  stopClockAt(start + 600)

  expect([first, last, await isAccepted(withdrawn)]).toEqual([true, true, false])
})

test('tokens with unpublished key ids do not cause repeated fetches of the keys', async () => {
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
  'closes the connection': (response) => response.destroy(),
  'responds with 503': (response) => response.writeHead(503).end('{}'),
  redirects: (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'returns no JSON': (response) => response.end('<!doctype html>'),
  'returns no key list': (response) => response.end('{"keys": 7}'),
  'never responds': () => {},
  'stops in the middle of the body': (response) => void response.write('{"keys"'),
  'sends an endless body': (response) => {
    const piece = `${' '.repeat(65_535)}\n`
    const write = () => {
      while (!response.closed && response.write(piece));
    }
    response.on('drain', write)
    write()
  },
  'returns more than 1 MiB': (response) => response.end(keysOf(MAX_JWKS_BYTES + 1)),
  'returns more than 1 MiB after decompression': (response) =>
    response
      .setHeader('content-encoding', 'gzip')
      .end(gzipSync(Buffer.from(keysOf(MAX_JWKS_BYTES + 1)))),
  'redirects with an unfinished body': (response) => {
    response.writeHead(302, { location: '/jwks.json' }).write(' '.repeat(100_000))
  },
}

const MAX_JWKS_BYTES = 1024 * 1024

/** An empty JSON Web Key Set, padded to `bytes` bytes. */
function keysOf(bytes: number): string {
  const empty = '{"keys": []}'
  return empty + ' '.repeat(bytes - empty.length)
}

test('a key set of 1 MiB is accepted', async () => {
  const issuer = await startIssuer()
  const [pair] = issuer.pairs
  if (!pair) throw new Error('The issuer has no key.')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: pair.kid }] })
  issuer.intercept = (response) => response.end(keys.padEnd(MAX_JWKS_BYTES))

  expect(await createTokenCheck(issuer)()).toBe(true)
})

test('a key set above 1 MiB is not read to its end', async () => {
  const issuer = await startIssuer()
  const closed = Promise.withResolvers<number>()
  issuer.intercept = (response) => {
    const { socket } = response
    response.on('close', () => closed.resolve(socket?.bytesWritten ?? 0))
    BAD_JWKS['sends an endless body']?.(response)
  }
  const reported: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => reported.push(error) })
  const startedAt = performance.now()

  await expect(authenticate(`Bearer ${await issuer.token('ann')}`)).rejects.toThrow(
    /cannot be loaded/,
  )

  expect(await closed.promise).toBeLessThan(10 * MAX_JWKS_BYTES)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(reported).toEqual([
    expect.objectContaining({ message: 'The response is longer than 1048576 bytes.' }),
  ])
})

test.for(Object.entries(BAD_JWKS))(
  'when the JWKS endpoint %s, a JWT gets SERVICE_UNAVAILABLE within 5 seconds, and is accepted later',
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
        message: expect.stringMatching(/^Tokens cannot be verified now, .* cannot be loaded/),
        extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true },
      },
    ])
    expect(elapsedMs).toBeLessThan(5_000)
    expect(calls).toBe(0)
    expect(back).toEqual({ data: { asset: null } })
  },
)

test('a failed fetch of the keys is reported to onError with its reason', async () => {
  const issuer = await startIssuer()
  issuer.intercept = (response) => response.writeHead(503).end()
  const reported: unknown[] = []
  const authenticate = authenticator(issuer, { onError: (error) => reported.push(error) })

  await expect(authenticate(`Bearer ${await issuer.token('ann')}`)).rejects.toThrow(
    /cannot be loaded/,
  )
  await expect(authenticate('Bearer a.b.c')).rejects.toThrow(FOREIGN)

  expect(reported).toEqual([
    expect.objectContaining({ message: expect.stringContaining('200 OK') }),
  ])
})

test('the server-held key is in no response and no log, even if 0-0 returns it', async () => {
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

test('JWT mode requires a JWT with the sandbox too', async () => {
  const issuer = await startIssuer()
  const app = await startApp(issuer.environment)

  await app.query(CREATE, { name: 'Heroine' }, await issuer.token('ann'))

  expect(await names(app, await issuer.token('ann'))).toEqual(['Heroine'])
  expect(await names(app, await issuer.token('bob'))).toEqual([])
  expect((await app.query(LIST, {}, 'sk-test')).errors).toMatchObject([{ message: FOREIGN }])
})

test('in anonymous mode all requests have one tenant, over every transport and with any key', async () => {
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

test('a process logs a warning at start if it is in anonymous mode, and otherwise none', async () => {
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

/** Starts a service in JWT mode, with an upstream that has no assets. */
async function startWithIssuer(environment: Record<string, string> = {}) {
  const [upstream, issuer] = await Promise.all([scriptUpstream(), startIssuer()])
  const app = await startApp({
    ...issuer.environment,
    UPSTREAM_URL: upstream.url,
    ...environment,
  })
  return { app, upstream, issuer }
}

/** Registers `Asset-1` in a group, for the tenant of the token. */
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

/** Returns a function that tells whether a new token is accepted. By default the newest key signs it. */
function createTokenCheck(issuer: Issuer) {
  const authenticate = authenticator(issuer)
  return async (pair?: KeyPair): Promise<boolean> => {
    const token = await issuer.token('ann', pair ? { pair } : {})
    const outcome = await authenticate(`Bearer ${token}`).catch(() => null)
    return outcome !== null
  }
}

/** Sends an operation over each of the four transports. Returns the first result of each. */
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
      body: JSON.stringify({ query: SUBSCRIPTION }),
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

/** Stops `Date`, but no timer, until the test ends. */
function stopClockAt(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: seconds * 1_000 })
  onTestFinished(() => void vi.useRealTimers())
}

test('tenants that share the key of the service can access only their own entities, even by id', async () => {
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
  const [event] = await app
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
  expect(event?.errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
  expect(upstream.calls.slice(before).filter(({ method }) => method === 'POST')).toEqual([])
})

test('providerOptions are refused if tenants share a key', async () => {
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

test('an event stream ends with UNAUTHENTICATED when its token expires, and frees its connection slot', async () => {
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
      body: JSON.stringify({ query: GROUP_SUBSCRIPTION }),
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

test('a WebSocket is closed with 4403 when its token expires, without a complete message', async () => {
  const { app, issuer } = await startWithIssuer()
  const exp = inSeconds(2)
  const token = await issuer.token('me', { claims: { exp } })
  await app.query(CREATE, { name: 'Heroine' }, token)

  const ended = app
    .subscribe(GROUP_SUBSCRIPTION, {}, token)
    .rest()
    .catch((error) => error)

  expect(await ended).toMatchObject({ code: 4403, reason: 'The credential has expired' })
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000)
  expect(Date.now()).toBeLessThan(exp * 1_000 + 1_000)
  expect(app.listeners()).toBe(0)
})
