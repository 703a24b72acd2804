import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ask, subscribe, temporaryFolder, until } from './support/app.ts'
import { startProcess } from './support/process.ts'
import { scriptUpstream } from './support/upstream.ts'

const REGISTER = `mutation { createAsset(
  input: { groupId: "group-1", url: "https://example.com/a.png" }
) { ... on Asset { id status } } }`
const SUBSCRIBE = `subscription { assetStatusChanged(ids: ["Asset-1"]) {
  previous current asset { sourceUrl }
} }`

test('an asset that was PROCESSING when the process was killed becomes ACTIVE after a restart', async () => {
  const upstream = await scriptUpstream()
  const environment = {
    UPSTREAM_URL: upstream.url,
    DATA_DIR: temporaryFolder(),
    ASSET_POLL_MIN_MS: '50',
    ASSET_POLL_MAX_MS: '50',
  }
  const first = await startProcess(environment)
  await ask(first.url, REGISTER)
  await upstream.nextCall('GET /v1/assets/Asset-1')

  const ended = await first.kill('SIGKILL')
  const second = await startProcess(environment)
  const subscriber = subscribe(second.url, SUBSCRIBE)
  const events = [await subscriber.next()]
  upstream.assets.set('Asset-1', { status: 'Active' })
  events.push(...(await subscriber.rest()))

  const asset = { sourceUrl: 'https://example.com/a.png' }
  expect(ended.signal).toBe('SIGKILL')
  expect(events.map(({ data }) => data?.assetStatusChanged)).toEqual([
    { previous: null, current: 'PROCESSING', asset },
    { previous: 'PROCESSING', current: 'ACTIVE', asset },
  ])
})

test('a process paused while it sends a waiting task keeps the task that 0-0 created', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const answer = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? answer.promise : undefined)
  const service = await startProcess({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: temporaryFolder(),
    ASSET_POLL_MIN_MS: '50',
    ASSET_POLL_MAX_MS: '50',
    TASK_POLL_MIN_MS: '50',
    TASK_POLL_MAX_MS: '50',
  })
  const sent = upstream.nextCall('POST')
  const accepted = await ask(
    service.url,
    `mutation { createVideoTask(input: { prompt: "A cat", waitForAssets: true
      resources: [{ role: FIRST_FRAME, assetId: "Asset-1" }] }) { ... on VideoTask { id } } }`,
  )
  await sent

  // Longer than the lease of a claim.
  service.signal('SIGSTOP')
  await pause(1_500)
  service.signal('SIGCONT')
  await ask(service.url, '{ __typename }')
  answer.resolve(undefined)
  const events = subscribe(
    service.url,
    `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) { current videoTask { taskId } } }`,
    accepted.data?.createVideoTask,
  )
  await until(async () => {
    const { data } = await ask(service.url, '{ videoTasks { nodes { status } } }')
    return data?.videoTasks.nodes[0].status !== 'WAITING_FOR_ASSETS'
  })

  const { data } = await ask(service.url, '{ videoTasks { nodes { status taskId } } }')
  expect(data?.videoTasks.nodes).toEqual([{ status: 'QUEUED', taskId: 'cgt-2' }])
  events.leave()
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('SIGTERM exits with 0 after running operations end', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'POST' ? gate.promise : undefined)
  const service = await startProcess({ UPSTREAM_URL: upstream.url, DATA_DIR: temporaryFolder() })
  const sent = upstream.nextCall('POST /v1/assets')
  const creating = ask(service.url, REGISTER)
  await sent

  const ending = service.kill('SIGTERM')
  gate.resolve(undefined)

  expect((await creating).data?.createAsset.status).toBe('PROCESSING')
  expect(await ending).toEqual({ code: 0, signal: null })
  expect(service.log.map(({ msg }) => msg)).toContain('stopped')
})
