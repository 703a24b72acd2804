import { DatabaseSync } from 'node:sqlite'
import packageJson from '../package.json' with { type: 'json' }
import { type AssetRange, BATCH, bodyOfMany } from './operations.ts'
import type { Service } from './service.ts'

/** The arguments of node in `npm start`, which is how the service is deployed. */
export const ZEROGRAPH = argumentsOfNode(packageJson.scripts.start)

export const TOKEN = 'sk-bench'

function argumentsOfNode(script: string): string[] {
  const words = script.split(' ')
  const rest = words.slice(words.indexOf('node') + 1)
  const end = rest.findIndex((word) => /^\W+$/.test(word))
  return end === -1 ? rest : rest.slice(0, end)
}

const SUBSCRIBED_AT_ONCE = 100
const SUBSCRIBE = 'subscription ($ids: [ID!]!) { assetStatusChanged(ids: $ids) { current } }'

/** Registers the assets of a range by a subscription to them, which ends when every asset has sent its first event. */
export async function register(
  { url }: Service,
  { status, first, count }: AssetRange,
  token = TOKEN,
): Promise<void> {
  for (let from = first; from < first + count; from += SUBSCRIBED_AT_ONCE) {
    const size = Math.min(SUBSCRIBED_AT_ONCE, first + count - from)
    const ids = Array.from({ length: size }, (_, index) => `Asset-${status}-${from + index}`)
    await readEvents(url, token, ids)
  }
}

async function readEvents(url: string, token: string, ids: string[]): Promise<void> {
  const leaving = new AbortController()
  const response = await post(url, JSON.stringify({ query: SUBSCRIBE, variables: { ids } }), {
    token,
    accept: 'text/event-stream',
    signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(60_000)]),
  })
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`)
  let text = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true })
    if (text.includes('"errors"')) throw new Error(text)
    if (text.split('event: next').length > ids.length) break
  }
  leaving.abort()
}

/** Reads every asset of a range once, so that the service remembers the settled ones. */
export async function readAll({ url }: Service, { status, first, count }: AssetRange) {
  for (let from = first; from < first + count; from += BATCH) {
    await ask(url, bodyOfMany(status, from))
  }
}

/** Sends one operation and returns its data. Throws when the response contains errors. */
export async function ask(url: string, body: string): Promise<unknown> {
  const response = await post(url, body, { token: TOKEN, accept: 'application/json' })
  const text = await response.text()
  if (response.status !== 200 || text.includes('"errors"')) {
    throw new Error(`${url}: ${response.status} ${text}`)
  }
  return JSON.parse(text).data
}

function post(
  url: string,
  body: string,
  { token, accept, signal }: { token: string; accept: string; signal?: AbortSignal },
): Promise<Response> {
  const headers = { accept, authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return fetch(`${url}/graphql`, { method: 'POST', headers, body, ...(signal && { signal }) })
}

/** Watches whether anything is written to an SQLite database. */
export interface WriteWatch extends Disposable {
  /** Whether another connection has committed a change since the last call. */
  hasChanged(): boolean
}

/** Watches the database file. */
export function watchWrites(file: string): WriteWatch {
  const database = new DatabaseSync(file, { readOnly: true })
  // This number changes when another connection commits a change (SQLite, PRAGMA data_version).
  const version = () => database.prepare('pragma data_version').get()?.data_version
  let last = version()
  return {
    hasChanged() {
      const before = last
      last = version()
      return last !== before
    },
    [Symbol.dispose]: () => database.close(),
  }
}
