import { expect, test } from 'vitest'
import type { Origin } from '../src/ledger/entity.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import {
  assetSeen,
  claimOne,
  openTestDatabase,
  openTestLedger,
  registerAsset,
  taskEntityRef,
  taskSeen,
} from './support/ledger.ts'
import { registerWaitingTask, requestNaming } from './support/waiting-task.ts'

test('a task gets the times at which it was registered, accepted, started and finished', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  clock.set(1_000)
  const queued = await ledger.recordObservation(ref, taskSeen('QUEUED'))
  clock.set(2_000)
  await ledger.recordObservation(ref, taskSeen('RUNNING', { progress: 10 }))
  clock.set(3_000)
  await ledger.recordObservation(ref, taskSeen('RUNNING', { progress: 20 }))
  clock.set(4_000)
  const done = await ledger.recordObservation(ref, taskSeen('SUCCEEDED'))

  const at = (ms: number) => new Date(clock.start + ms)
  expect(queued).toMatchObject({ submittedAt: at(1_000), startedAt: null, finishedAt: null })
  expect(done).toMatchObject({
    registeredAt: at(0),
    submittedAt: at(1_000),
    startedAt: at(2_000),
    finishedAt: at(4_000),
  })
  const [first, second] = await ledger.transitionsAfter(ref, 0)
  expect(first?.entity).toMatchObject({ submittedAt: null, startedAt: null, finishedAt: null })
  expect(second?.entity).toEqual(queued)
})

test('an asset gets the time at which it became ready', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  clock.set(1_000)

  const ready = await ledger.recordObservation(ref, assetSeen('ACTIVE'))

  expect(ready).toMatchObject({ registeredAt: new Date(clock.start), submittedAt: null })
  expect(ready?.finishedAt).toEqual(new Date(clock.start + 1_000))
})

test('a task that was created elsewhere has the times that 0-0 reported', async () => {
  const ledger = await openTestLedger()
  const [createdAt, updatedAt] = [new Date(1_000), new Date(9_000)]
  const snapshot = taskSeen('SUCCEEDED', { createdAt, updatedAt })

  const task = await ledger.register(taskEntityRef(ledger), {
    snapshot,
    origin: { model: 'seedance-2-0', request: null },
    credential: KEY,
  })

  expect(task).toMatchObject({ submittedAt: createdAt, startedAt: null, finishedAt: updatedAt })
  expect(task.registeredAt?.getTime()).toBeGreaterThan(updatedAt.getTime())
})

test('a task sent by the tracker has the time of its acceptance', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const job = await claimOne(ledger)
  await ledger.pollJobs.markSent(job)

  const next = { nextPollAt: new Date(), gapMs: 1 }
  await ledger.pollJobs.concludeSent(job, taskSeen('QUEUED'), next)

  expect((await ledger.find(ref))?.submittedAt).toBeInstanceOf(Date)
})

test('the values that lists search are stored in columns', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const request = { ...requestNaming(), prompt: 'A CAT\0 in Öl', resolution: '720p', duration: 5 }
  const created: Origin<'videoTask'> = { model: 'seedance-2-0', request }
  const ref = await registerWaitingTask(ledger, 'zg-1', created)
  const usage = { videoTokens: 7, completionTokens: null, totalTokens: 108_900 }
  await ledger.recordObservation(ref, taskSeen('SUCCEEDED', { usage }))
  const video = { url: 'https://example.com/v', duration: 4.9, resolution: '480p' }
  await ledger.register(taskEntityRef(ledger, 'cgt-2'), {
    snapshot: taskSeen('SUCCEEDED', { taskId: 'cgt-2', video: { ...video, ratio: null, fps: 24 } }),
    origin: null,
    credential: KEY,
  })
  await registerAsset(ledger, 'Asset-1', { name: 'Front VIEW' })

  const rows = await database
    .selectFrom('entity')
    .select(['search_text', 'model', 'resolution', 'duration', 'total_tokens'])
    .orderBy('position')
    .execute()

  const model = 'seedance-2-0'
  expect(rows).toEqual([
    { search_text: 'a cat in öl', model, resolution: '720p', duration: 5, total_tokens: 108_900 },
    { search_text: '', model, resolution: '480p', duration: 5, total_tokens: null },
    {
      search_text: 'front view',
      model: null,
      resolution: null,
      duration: null,
      total_tokens: null,
    },
  ])
})
