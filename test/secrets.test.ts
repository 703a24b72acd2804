import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { ask, subscribe, temporaryFolder } from './support/app.ts'
import { startProcess } from './support/process.ts'
import { scriptUpstream } from './support/upstream.ts'

const SECRETS = {
  // Contains every kind of character a key may have, so that each encoding changes it.
  key: 'sk-Marked+Key/of~a.caller_0123456789==',
  // The part of the key that remains if only the prefix that looks like a key is removed.
  restOfKey: 'Key/of~a.caller_0123456789',
  accessKey: 'Marked-access-key-0123456789',
  secretKey: 'Marked-secret-key-0123456789',
}

test('no response, log line or stored file contains a credential, even after failures', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const output: string[] = []
  const service = await startProcess({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'trace',
    ASSET_POLL_MIN_MS: '20',
    ASSET_POLL_MAX_MS: '40',
  })
  const { url } = service
  const record = (value: unknown) => output.push(JSON.stringify(value) ?? '')
  const query = async (text: string) => record(await ask(url, text, {}, SECRETS.key))

  // 0-0 may echo the key in any part of a response.
  const echoes = [
    { status: 401, body: { detail: `invalid api key ${SECRETS.key}` } },
    { status: 403, body: { message: `Forbidden for Bearer ${SECRETS.key}` } },
    { status: 400, body: { error: { message: `bad ${SECRETS.key}` } } },
    { status: 429, body: { error: `slow down, ${SECRETS.key}` } },
    { status: 500, body: `<html>${SECRETS.key}</html>` },
    { body: { code: 9003, msg: `no ${SECRETS.key}`, data: null } },
    { body: `not json ${SECRETS.key}` },
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
  // A pending asset, so that the key is stored for polling.
  await upstream.nextCall('GET /v1/assets/')
  const subscriber = subscribe(
    url,
    'subscription { assetGroupStatusChanged(id: "group-1") { current } }',
    {},
    SECRETS.key,
  )
  record(await subscriber.next())
  record(await closeReason(url, 'wrong-protocol', '{}'))
  const init = JSON.stringify({
    type: 'connection_init',
    payload: { Authorization: `Bearer ${SECRETS.key}` },
  })
  record(await closeReason(url, 'graphql-transport-ws', init, init))
  record(await closeReason(url, 'graphql-transport-ws', init, `{"type":"${SECRETS.key}"}`))
  const headers = { authorization: `Bearer ${SECRETS.key}`, accept: 'application/json' }
  const more = { 'x-access-key': SECRETS.accessKey, 'x-secret-key': SECRETS.secretKey }
  for (const path of ['/metrics', '/ready', '/graphql?query={__typename}', '/nothing']) {
    const response = await fetch(`${url}${path}`, { headers: { ...headers, ...more } })
    record([Object.fromEntries(response.headers), await response.text()])
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
    answers: output.join('\n'),
    log: JSON.stringify(service.log),
    'standard error': service.stderr(),
    'calls to 0-0 without the authorization header': sent,
    ...kept,
  }
  expect(service.log.length).toBeGreaterThan(40)
  expect(Object.keys(kept).length).toBeGreaterThanOrEqual(2)
  for (const [place, text] of Object.entries(all)) {
    for (const [name, secret] of Object.entries(SECRETS)) {
      for (const [form, encoded] of Object.entries(encodingsOf(secret))) {
        expect(text.includes(encoded), `${name} as ${form} in ${place}`).toBe(false)
      }
    }
  }
}, 60_000)

test.for<[string, Record<string, string>]>([
  ['is configured partially', { UPSTREAM_API_KEY: SECRETS.key }],
  [
    'cannot reach the database',
    {
      DATABASE_URL: `postgres://zerograph:${SECRETS.accessKey}@127.0.0.1:1/zerograph`,
      SECRET_KEY: Buffer.from(SECRETS.secretKey.padEnd(32, '.').slice(0, 32)).toString('base64'),
    },
  ],
  [
    'has a secret of the wrong length',
    { SECRET_KEY: Buffer.from(SECRETS.secretKey).toString('base64') },
  ],
])('a process that fails to start because it %s prints no secret', async ([, environment]) => {
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
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  }

  const [code] = await once(child, 'close')

  expect(code).toBe(1)
  expect(output.join('').length).toBeGreaterThan(20)
  for (const secret of Object.values(SECRETS)) {
    for (const encoded of Object.values(encodingsOf(secret))) {
      expect(output.join('')).not.toContain(encoded)
    }
  }
})

test('the search finds a key in every encoding', () => {
  const text = [
    `Bearer ${SECRETS.key}`,
    Buffer.from(`Bearer ${SECRETS.key} and more`).toString('base64'),
    encodeURIComponent(SECRETS.key),
  ]

  expect(
    text.map((one) => Object.values(encodingsOf(SECRETS.key)).some((form) => one.includes(form))),
  ).toEqual([true, true, true])
})

/** The forms a secret may appear in: plain, URL-encoded, or at any offset within base64. */
function encodingsOf(secret: string): Record<string, string> {
  const forms: Record<string, string> = {
    itself: secret,
    JSON: JSON.stringify(secret).slice(1, -1),
    'URL-encoded': encodeURIComponent(secret),
  }
  for (const offset of [0, 1, 2]) {
    const padded = Buffer.from('x'.repeat(offset) + secret)
    for (const alphabet of ['base64', 'base64url'] as const) {
      // Without the characters at the ends, which also encode neighbouring bytes.
      const inner = padded
        .toString(alphabet)
        .replace(/=+$/, '')
        .slice(offset === 0 ? 0 : 4, -4)
      forms[`${alphabet} at ${offset}`] = inner
    }
  }
  return forms
}

/** The close code and reason of a socket that sends these messages. */
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
