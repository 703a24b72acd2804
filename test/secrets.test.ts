import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { ask, subscribe, temporaryFolder } from './support/app.ts'
import { startProcess } from './support/process.ts'
import { scriptUpstream } from './support/upstream.ts'

const MARKS = {
  // With every kind of character a key may have, so that encoding it changes it.
  key: 'sk-Marked+Key/of~a.caller_0123456789==',
  // What is left of it when only what looks like a key is taken out.
  restOfKey: 'Key/of~a.caller_0123456789',
  accessKey: 'Marked-access-key-0123456789',
  secretKey: 'Marked-secret-key-0123456789',
}

test('no credential is in what the service says, logs or keeps, whatever goes wrong', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const said: string[] = []
  const service = await startProcess({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'trace',
    ASSET_POLL_MIN_MS: '20',
    ASSET_POLL_MAX_MS: '40',
  })
  const { url } = service
  const tell = (value: unknown) => said.push(JSON.stringify(value) ?? '')
  const query = async (text: string) => tell(await ask(url, text, {}, MARKS.key))

  // What upstream may do to a key: say it back, in every place an answer has.
  const echoes = [
    { status: 401, body: { detail: `invalid api key ${MARKS.key}` } },
    { status: 403, body: { message: `Forbidden for Bearer ${MARKS.key}` } },
    { status: 400, body: { error: { message: `bad ${MARKS.key}` } } },
    { status: 429, body: { error: `slow down, ${MARKS.key}` } },
    { status: 500, body: `<html>${MARKS.key}</html>` },
    { body: { code: 9003, msg: `no ${MARKS.key}`, data: null } },
    { body: `not json ${MARKS.key}` },
    'reset' as const,
  ]
  for (const echo of echoes) {
    upstream.intercept = () => echo
    await query('{ asset(id: "Asset-1") { status } }')
    await query(
      'mutation { createAssetGroup(input: { name: "G" }) { ... on Error { message code } } }',
    )
  }
  upstream.intercept = () => undefined
  await query('{ assets(first: 1) { nodes { id } } nonsense }')
  await query('{ asset(id: "')
  await query('query ($x: Int) { assets(first: $x) { totalCount } }')
  await query(`mutation { createAsset(input: { groupId: "group-1", url: "https://example.com/a.png" }) {
    ... on Asset { id }
  } }`)
  // Something pending, so that the key has to be kept for polling it.
  await upstream.nextCall('GET /v1/assets/')
  const watched = subscribe(
    url,
    'subscription { assetGroupStatusChanged(id: "group-1") { current } }',
    {},
    MARKS.key,
  )
  tell(await watched.next())
  tell(await closeReason(url, 'wrong-protocol', '{}'))
  const init = JSON.stringify({
    type: 'connection_init',
    payload: { Authorization: `Bearer ${MARKS.key}` },
  })
  tell(await closeReason(url, 'graphql-transport-ws', init, init))
  tell(await closeReason(url, 'graphql-transport-ws', init, `{"type":"${MARKS.key}"}`))
  const headers = { authorization: `Bearer ${MARKS.key}`, accept: 'application/json' }
  const more = { 'x-access-key': MARKS.accessKey, 'x-secret-key': MARKS.secretKey }
  for (const path of ['/metrics', '/ready', '/graphql?query={__typename}', '/nothing']) {
    const response = await fetch(`${url}${path}`, { headers: { ...headers, ...more } })
    tell([Object.fromEntries(response.headers), await response.text()])
  }

  await service.kill('SIGKILL')
  const kept = filesIn(dataDir)
  const sent = JSON.stringify(
    upstream.calls.map(({ headers: { authorization: _, ...rest }, ...call }) => ({
      ...call,
      headers: rest,
    })),
  )

  const all: Record<string, string> = {
    answers: said.join('\n'),
    log: JSON.stringify(service.log),
    'standard error': service.stderr(),
    'calls to 0-0, but for the header that carries the key': sent,
    ...kept,
  }
  expect(service.log.length).toBeGreaterThan(40)
  expect(Object.keys(kept).length).toBeGreaterThanOrEqual(2)
  for (const [place, text] of Object.entries(all)) {
    for (const [name, mark] of Object.entries(MARKS)) {
      for (const [form, disguised] of Object.entries(disguises(mark))) {
        expect(text.includes(disguised), `${name} as ${form} in ${place}`).toBe(false)
      }
    }
  }
}, 60_000)

test.for<[string, Record<string, string>]>([
  ['is configured by half', { UPSTREAM_API_KEY: MARKS.key }],
  [
    'finds no database',
    {
      DATABASE_URL: `postgres://zerograph:${MARKS.accessKey}@127.0.0.1:1/zerograph`,
      SECRET_KEY: Buffer.from(MARKS.secretKey.padEnd(32, '.').slice(0, 32)).toString('base64'),
    },
  ],
  [
    'is told a secret of the wrong length',
    { SECRET_KEY: Buffer.from(MARKS.secretKey).toString('base64') },
  ],
])('a start that fails because it %s tells no secret', async ([, environment]) => {
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      LOG_LEVEL: 'trace',
      DATA_DIR: temporaryFolder(),
      UPSTREAM_URL: 'http://127.0.0.1:1',
      ...environment,
    },
  })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text))
  }

  const [code] = await once(child, 'close')

  expect(code).toBe(1)
  expect(said.join('').length).toBeGreaterThan(20)
  for (const mark of Object.values(MARKS)) {
    for (const disguised of Object.values(disguises(mark))) {
      expect(said.join('')).not.toContain(disguised)
    }
  }
})

test('the search finds a key in each of its disguises', () => {
  const text = [
    `Bearer ${MARKS.key}`,
    Buffer.from(`Bearer ${MARKS.key} and more`).toString('base64'),
    encodeURIComponent(MARKS.key),
  ]

  expect(
    text.map((one) => Object.values(disguises(MARKS.key)).some((form) => one.includes(form))),
  ).toEqual([true, true, true])
})

/** The forms a key may be written in: as it is, URL-encoded, or anywhere within something in base64. */
function disguises(mark: string): Record<string, string> {
  const forms: Record<string, string> = {
    itself: mark,
    JSON: JSON.stringify(mark).slice(1, -1),
    'URL-encoded': encodeURIComponent(mark),
  }
  for (const offset of [0, 1, 2]) {
    const padded = Buffer.from('x'.repeat(offset) + mark)
    for (const alphabet of ['base64', 'base64url'] as const) {
      // Without the characters at the ends, which the neighbours have a share in.
      const inner = padded
        .toString(alphabet)
        .replace(/=+$/, '')
        .slice(offset === 0 ? 0 : 4, -4)
      forms[`${alphabet} at ${offset}`] = inner
    }
  }
  return forms
}

/** What a socket is told when it is closed after saying these things. */
function closeReason(url: string, protocol: string, ...messages: string[]): Promise<unknown> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol)
  return new Promise((resolve) => {
    socket.once('open', () => {
      for (const message of messages) socket.send(message)
    })
    socket.once('close', (code, reason) => resolve([code, String(reason)]))
    socket.once('error', (error) => resolve(error.message))
  })
}

function filesIn(folder: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name)
    if (statSync(path).isFile()) files[`the file ${name}`] = readFileSync(path, 'latin1')
  }
  return files
}
