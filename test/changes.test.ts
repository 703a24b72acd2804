import { expect, onTestFinished, test } from 'vitest'
import type { Change } from '../src/ledger/changes.ts'
import { LedgerUnavailable } from '../src/ledger/unavailable.ts'
import { openChangeFeed } from '../src/resolvers/changes.ts'
import { type Data, KEY, type Subscriber, startApp, until } from './support/app.ts'
import { startIssuer } from './support/jwt.ts'
import { openTestDatabase, openTestLedger, registerAsset } from './support/ledger.ts'
import { scriptUpstream } from './support/upstream.ts'

const CHANGES = `subscription ($kinds: [EntityKind!], $after: String) {
  changes(kinds: $kinds, after: $after) {
    cursor kind isNew observedAt node {
      __typename id
      ... on AssetGroup { name } ... on Asset { status } ... on VideoTask { taskStatus: status progress }
    }
  }
}`
const CREATE_GROUP =
  'mutation { createAssetGroup(input: { name: "A" }) { ... on AssetGroup { id } } }'
const CREATE_ASSET = `mutation { createAsset(input: {
  groupId: "group-1", url: "https://example.com/a.png"
}) { ... on Asset { id } } }`
const CREATE_TASK =
  'mutation { createVideoTask(input: { prompt: "A cat" }) { ... on VideoTask { id } } }'

async function start(environment: Record<string, string> = {}) {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...environment })
  return { upstream, app }
}

async function nextOf(subscriber: Subscriber): Promise<Data> {
  const { data, errors } = await subscriber.next()
  if (errors) throw new Error(JSON.stringify(errors))
  return data?.changes
}

/** Waits until the subscription has begun. */
async function begun(app: { listeners(): number }, count = 1): Promise<void> {
  await until(() => app.listeners() === count)
}

test('every create and every later change of a tenant reaches its subscriber, with its entity', async () => {
  const { upstream, app } = await start()
  await app.query(CREATE_GROUP)
  const subscriber = app.subscribe(CHANGES)
  const first = subscriber.next()
  await begun(app)

  const group = await app.query(CREATE_GROUP)
  const events = [(await first).data?.changes]
  await app.query(CREATE_ASSET)
  events.push(await nextOf(subscriber))
  const [assetId = ''] = upstream.assets.keys()
  upstream.assets.set(assetId, { status: 'Active' })
  events.push(await nextOf(subscriber))
  await app.query(CREATE_TASK)
  events.push(await nextOf(subscriber))
  const [taskId = ''] = upstream.tasks.keys()
  upstream.tasks.set(taskId, { status: 'running', progress: 40 })
  events.push(await nextOf(subscriber))
  upstream.tasks.set(taskId, { status: 'running', progress: 60 })
  events.push(await nextOf(subscriber))

  const id = group.data?.createAssetGroup.id
  const asset = { __typename: 'Asset', id: `Asset:JIMENG:${assetId}` }
  const task = { __typename: 'VideoTask', id: `VideoTask:${taskId}` }
  expect(events).toMatchObject([
    { kind: 'ASSET_GROUP', isNew: true, node: { __typename: 'AssetGroup', id, name: 'A' } },
    { kind: 'ASSET', isNew: true, node: { ...asset, status: 'PROCESSING' } },
    { kind: 'ASSET', isNew: false, node: { ...asset, status: 'ACTIVE' } },
    { kind: 'VIDEO_TASK', isNew: true, node: { ...task, taskStatus: 'QUEUED', progress: null } },
    { kind: 'VIDEO_TASK', isNew: false, node: { ...task, taskStatus: 'RUNNING', progress: 40 } },
    { kind: 'VIDEO_TASK', isNew: false, node: { ...task, taskStatus: 'RUNNING', progress: 60 } },
  ])
  expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(6)
  expect(Date.now() - Date.parse(events[5]?.observedAt)).toBeLessThan(10_000)
})

test('a subscriber gets only the kinds that it asked for, and nothing of another tenant', async () => {
  const { app } = await start()
  const tasks = app.subscribe(CHANGES, { kinds: ['VIDEO_TASK'] })
  const theirs = app.subscribe(CHANGES, {}, 'sk-other')
  const [nextTask, nextOfTheirs] = [nextOf(tasks), nextOf(theirs)]
  await begun(app, 2)

  await app.query(CREATE_GROUP)
  await app.query(CREATE_ASSET)
  await app.query(CREATE_TASK)
  await app.query(CREATE_GROUP, {}, 'sk-other')

  expect((await nextTask).kind).toBe('VIDEO_TASK')
  expect((await nextOfTheirs).kind).toBe('ASSET_GROUP')
})

test('a subscriber that connects again with its last cursor gets what happened since, once', async () => {
  const { app } = await start()
  const before = app.subscribe(CHANGES, { kinds: ['ASSET_GROUP'] })
  const waiting = nextOf(before)
  await begun(app)
  await app.query(CREATE_GROUP)
  const { cursor } = await waiting
  before.leave()
  await begun(app, 0)
  const missed = [await app.query(CREATE_GROUP), await app.query(CREATE_GROUP)]

  const again = app.subscribe(CHANGES, { kinds: ['ASSET_GROUP'], after: cursor })
  const events = [await nextOf(again), await nextOf(again)]
  const live = await app.query(CREATE_GROUP)
  events.push(await nextOf(again))

  expect(events.map(({ node }) => node.id)).toEqual(
    [...missed, live].map(({ data }) => data?.createAssetGroup.id),
  )
})

test('an empty list of kinds and a cursor that cannot be resumed are refused', async () => {
  const { app } = await start()
  const database = await openTestDatabase(app.dataDir)
  const theirs = app.subscribe(CHANGES, {}, 'sk-other')
  const [ours, waiting] = [app.subscribe(CHANGES), nextOf(theirs)]
  const first = nextOf(ours)
  await begun(app, 2)
  await app.query(CREATE_GROUP)
  await app.query(CREATE_GROUP, {}, 'sk-other')
  const [foreign, pruned] = [(await waiting).cursor, (await first).cursor]
  await database.deleteFrom('change').execute()
  const refused = async (variables: Data) => {
    const { errors } = await app.subscribe(CHANGES, variables).next()
    return errors?.[0]?.extensions
  }

  const issue = (path: string, message: unknown) => ({
    code: 'INVALID_INPUT',
    issues: [{ path: [path], message }],
  })
  expect(await refused({ kinds: [] })).toMatchObject(issue('kinds', expect.any(String)))
  const malformed = expect.stringContaining('Not a cursor')
  expect(await refused({ after: 'x' })).toMatchObject(issue('after', malformed))
  expect(await refused({ after: foreign })).toMatchObject(issue('after', malformed))
  expect(await refused({ after: pruned })).toMatchObject(
    issue('after', expect.stringContaining('subscribe without after')),
  )
})

test('an event stream has the cursor as the id of each event, and resumes from Last-Event-ID', async () => {
  const { app } = await start()
  const query = 'subscription ($after: String) { changes(after: $after) { isNew } }'
  const open = async (headers: Record<string, string>, variables: Data = {}) => {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    const { body } = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${KEY}`,
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
      signal: leaving.signal,
    })
    return eventReader(body as ReadableStream<Uint8Array>)
  }
  const live = await open({})
  await begun(app)
  for (let count = 0; count < 3; count += 1) await app.query(CREATE_GROUP)

  const events = [await live(), await live(), await live()]
  const [first, second, third] = events.map((text) => /^id: (\S+)$/m.exec(text)?.[1] ?? '')
  const resumed = await open({ 'last-event-id': first ?? '' })
  const chosen = await open({ 'last-event-id': first ?? '' }, { after: second })

  expect(events[0]).toBe(`event: next\ndata: {"data":{"changes":{"isNew":true}}}\nid: ${first}\n\n`)
  expect(await resumed()).toContain(`id: ${second}\n`)
  expect(await resumed()).toContain(`id: ${third}\n`)
  expect(await chosen()).toContain(`id: ${third}\n`)
})

/** Returns a function that reads the next event of an event stream as text. Skips comments. */
function eventReader(body: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  return async () => {
    while (true) {
      const end = text.indexOf('\n\n') + 2
      const block = text.slice(0, end)
      text = text.slice(end)
      if (block.startsWith('event:')) return block
      if (block === '') text += decoder.decode((await reader.read()).value, { stream: true })
    }
  }
}

test('an event of another subscription has no id', async () => {
  const { upstream, app } = await start()
  upstream.assets.set('Asset-1', { status: 'Active' })

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${KEY}`,
      'last-event-id': 'x',
    },
    body: JSON.stringify({
      query: 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }',
    }),
  })

  expect(await response.text()).toBe(
    ':\n\nevent: next\ndata: {"data":{"assetStatusChanged":{"current":"ACTIVE"}}}\n\nevent: complete\ndata:\n\n',
  )
})

test('the subscription ends with UNAUTHENTICATED when the token expires', async () => {
  const issuer = await startIssuer()
  const { app } = await start(issuer.environment)
  const token = await issuer.token('user-1', {
    claims: { exp: Math.floor(Date.now() / 1_000) + 2 },
  })

  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query: 'subscription { changes { isNew } }' }),
  })

  expect(await response.text()).toContain('UNAUTHENTICATED')
  await begun(app, 0)
})

test('a subscriber that does not read causes no reads, and later gets every change', async () => {
  const reads: string[] = []
  const ledger = await openTestLedger(undefined, { onCall: (name) => reads.push(name) })
  const tenant = ledger.tenantOf(KEY)
  const feed = await open()
  const ids = Array.from({ length: 250 }, (_, index) => `Asset-${index}`)
  for (const id of ids) await registerAsset(ledger, id)
  const readEarly = reads.filter((name) => name === 'changes.after').length

  const seen: string[] = []
  for await (const { entity } of feed) if (seen.push(entity.key) === ids.length) break

  expect(readEarly).toBe(0)
  expect(seen).toEqual(ids.map((id) => `JIMENG:${id}`))
  expect(reads.filter((name) => name === 'changes.after')).toHaveLength(3)
  expect([feed.endReason, ledger.notifier.size]).toEqual(['left', 0])

  function open() {
    return openChangeFeed({
      kinds: null,
      listen: (listener) => ledger.notifier.listenToTenant(tenant, listener),
      start: () => ledger.changes.latest(tenant),
      after: (position) => ledger.changes.after(tenant, position, 100),
    })
  }
})

test('a feed of changes continues where it stopped after the database was unavailable', async () => {
  let isDown = true
  let notify = () => {}
  const change = { kind: 'asset', isNew: true } as Change
  const asked: number[] = []
  const feed = await openChangeFeed({
    kinds: null,
    listen: (listener) => {
      notify = listener
      return () => {}
    },
    start: async () => 7,
    async after(position) {
      asked.push(position)
      if (isDown) throw new LedgerUnavailable('AWAY')
      return { changes: [change], position: position + 1, hasMore: false }
    },
  })

  const first = feed.next()
  await until(() => asked.length === 1)
  isDown = false
  const { value } = await first
  const second = feed.next()
  notify()
  await second

  expect(value).toBe(change)
  expect(asked).toEqual([7, 7, 8])
  await feed.return()
})
