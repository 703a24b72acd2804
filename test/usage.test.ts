import { expect, test } from 'vitest'
import type { Ledger } from '../src/ledger/ledger.ts'
import type { VideoTaskSnapshot } from '../src/model/entities.ts'
import { KEY, startApp, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { SECRET_KEY } from './support/engine.ts'
import { claimOne, openTestLedger, taskEntityRef, taskSeen } from './support/ledger.ts'
import { scriptUpstream } from './support/upstream.ts'
import { requestNaming } from './support/waiting-task.ts'

interface Given {
  model?: string | null
  duration?: number
  video?: number | null
  tokens?: number
}

/** Registers a task with this status. `video` is the duration of its video in seconds. */
async function addTask(
  ledger: Ledger,
  id: string,
  status: VideoTaskSnapshot['status'],
  { model = 'seedance-2-0', duration, video, tokens }: Given = {},
) {
  const size = { resolution: null, ratio: null, fps: null }
  const snapshot = taskSeen(status, {
    taskId: status === 'WAITING_FOR_ASSETS' ? null : id,
    model,
    video: video === undefined ? null : { url: 'https://example.com/v', duration: video, ...size },
    usage:
      tokens === undefined ? null : { videoTokens: 1, completionTokens: 2, totalTokens: tokens },
  })
  const request = { ...requestNaming(), ...(duration === undefined ? {} : { duration }) }
  const origin = { model, request }
  await ledger.register(taskEntityRef(ledger, id), { snapshot, origin, credential: KEY })
}

test('the usage has the number, the tokens and the seconds of the tasks, by status and model', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir, { secret: Buffer.from(SECRET_KEY, 'base64') })
  await addTask(ledger, 'a', 'SUCCEEDED', { duration: 5, video: 4.5, tokens: 2 ** 31 - 1 })
  await addTask(ledger, 'b', 'SUCCEEDED', { duration: 10, video: null, tokens: 7 })
  await addTask(ledger, 'c', 'SUCCEEDED', { duration: -1, model: 'sora-2' })
  await addTask(ledger, 'd', 'FAILED', { duration: 5, model: null })
  await addTask(ledger, 'e', 'EXPIRED')
  await addTask(ledger, 'f', 'CANCELLED', { duration: 5 })
  await addTask(ledger, 'g', 'RUNNING')
  const job = await claimOne(ledger)
  await ledger.pollJobs.conclude(job, null, { pollingEndedReason: 'late' })
  await addTask(ledger, 'h', 'QUEUED')
  await addTask(ledger, 'i', 'WAITING_FOR_ASSETS', { duration: 5 })
  await ledger.close()
  const app = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: dataDir, SECRET_KEY })

  const { data } = await app.query(`{ usage {
    tasks succeeded failed pending totalTokens seconds byModel { model tasks totalTokens }
  } }`)
  const others = await app.query('{ usage { tasks seconds byModel { model } } }', {}, 'sk-other')

  expect(data?.usage).toEqual({
    tasks: 9,
    succeeded: 3,
    failed: 3,
    pending: 2,
    totalTokens: 2 ** 31 + 6,
    seconds: 14.5,
    byModel: [
      { model: 'seedance-2-0', tasks: 7, totalTokens: 2 ** 31 + 6 },
      { model: 'sora-2', tasks: 1, totalTokens: 0 },
      { model: 'unknown', tasks: 1, totalTokens: 0 },
    ],
  })
  expect(others.data?.usage).toEqual({ tasks: 0, seconds: 0, byModel: [] })
})

test('the usage of a period includes its beginning and excludes its end', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    clock.set(index)
    await addTask(ledger, id, 'QUEUED')
  }
  const { tenant } = taskEntityRef(ledger)
  const at = (ms: number) => new Date(clock.start + ms)
  const tasks = async (from: Date | null, to: Date | null) => {
    const usages = await ledger.summarizeUsage(tenant, { from, to })
    return usages.reduce((sum, usage) => sum + usage.tasks, 0)
  }

  expect(await tasks(null, null)).toBe(3)
  expect(await tasks(at(1), null)).toBe(2)
  expect(await tasks(null, at(1))).toBe(1)
  expect(await tasks(at(0), at(2))).toBe(2)
  expect(await tasks(at(1), at(1))).toBe(0)
})

test('a period that ends before it begins is INVALID_INPUT, and a caller without a key is refused', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const usage = (from: string, to: string, key?: string | null) =>
    app.query(`{ usage(from: "${from}", to: "${to}") { tasks } }`, {}, key)

  const backwards = await usage('2026-02-01T00:00:00Z', '2026-01-01T00:00:00Z')
  const forwards = await usage('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
  const anonymous = await usage('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z', null)

  expect(backwards.errors?.[0]).toMatchObject({
    message: 'from: The beginning of the period must not be after its end.',
    extensions: { code: 'INVALID_INPUT' },
  })
  expect(forwards.data).toEqual({ usage: { tasks: 0 } })
  expect(anonymous.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a task whose model has characters that a database cannot store is counted', async () => {
  const ledger = await openTestLedger()
  const model = 'm\0\ud800\\u0000😀'
  await addTask(ledger, 'a', 'SUCCEEDED', { model, video: 4.5 })

  const { tenant } = taskEntityRef(ledger)
  const usage = await ledger.summarizeUsage(tenant, { from: null, to: null })

  expect(usage).toMatchObject([{ tasks: 1, seconds: 4.5 }])
})
