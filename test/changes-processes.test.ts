import { expect, test } from 'vitest'
import { ask, type Data, subscribe, until } from './support/app.ts'
import { sharedDatabase, startTwo } from './support/two-processes.ts'
import { scriptUpstream } from './support/upstream.ts'

const CREATE = 'mutation { createAssetGroup(input: { name: "A" }) { ... on AssetGroup { id } } }'
const CHANGES =
  'subscription ($after: String) { changes(after: $after) { cursor isNew node { id } } }'

/** Creates a group and returns its id. */
async function create({ url }: { url: string }): Promise<string> {
  const { data, errors } = await ask(url, CREATE)
  const id = data?.createAssetGroup?.id
  if (id === undefined) throw new Error(JSON.stringify({ data, errors }))
  return id
}

test('a create at one process reaches a subscriber of another within 300 ms', async () => {
  const { a, b } = await startTwo(await sharedDatabase(await scriptUpstream()))
  const events = subscribe(b.url, CHANGES)
  const received: Data[] = []
  const following = (async () => {
    while (received.length < 6) received.push((await events.next()).data?.changes)
  })()
  // The subscription has begun when it receives a first change.
  await until(async () => {
    await create(a)
    return received.length > 0
  })

  const delays: number[] = []
  while (received.length < 6) {
    const id = await create(a)
    const createdAt = Date.now()
    await until(() => received.some(({ node }) => node.id === id))
    delays.push(Date.now() - createdAt)
  }
  await following

  expect(Math.max(...delays)).toBeLessThan(300)
})

test('subscribers that reconnect during concurrent creates get each create once', async () => {
  const { a, b } = await startTwo(await sharedDatabase(await scriptUpstream()))
  const first = subscribe(a.url, CHANGES)
  const firstEvent = first.next()
  let start: Data | undefined
  void firstEvent.then(({ data }) => {
    start = data?.changes
  })
  await until(async () => {
    await create(a)
    return start !== undefined
  })
  first.leave()
  const seen: string[] = []
  const creating = Promise.all(
    [a, b, a, b, a, b].map(async (process) => {
      const ids: string[] = []
      for (let count = 0; count < 40; count += 1) ids.push(await create(process))
      return ids
    }),
  )

  // One more event, so that the loop does not wait when it has received all others before `creating` resolves.
  const closing = creating.then(() => create(a))

  let after = start?.cursor
  const isComplete = async () => {
    const ids = await Promise.race([creating, null])
    return ids?.flat().every((id) => seen.includes(id)) ?? false
  }
  for (let round = 0; !(await isComplete()); round += 1) {
    const events = subscribe([a, b][round % 2]?.url ?? '', CHANGES, { after })
    for (let count = 0; count < 7 && !(await isComplete()); count += 1) {
      const { data } = await events.next()
      after = data?.changes.cursor
      seen.push(data?.changes.node.id)
    }
    await events.client.dispose()
  }

  await closing
  const ids = (await creating).flat()
  // The creates before the loop may have been later than the first cursor.
  expect(seen.filter((id) => ids.includes(id)).sort()).toEqual(ids.sort())
  expect(new Set(seen).size).toBe(seen.length)
}, 60_000)
