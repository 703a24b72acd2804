import { expect, test } from 'vitest'
import type { Entity, Transition } from '../src/ledger/entity.ts'
import { timelineOf } from '../src/resolvers/timeline.ts'
import { assetSeen, taskSeen } from './support/ledger.ts'

/** Seconds after the start, as a date. */
const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1_000)

function task(
  status: Parameters<typeof taskSeen>[0],
  more: Partial<Entity<'videoTask'>> = {},
  snapshot: Parameters<typeof taskSeen>[1] = {},
): Entity<'videoTask'> {
  return {
    key: 'zg-1',
    snapshot: taskSeen(status, snapshot),
    origin: null,
    pollingEnded: false,
    pollingEndedReason: null,
    seq: 9,
    observedAt: at(90),
    registeredAt: at(0),
    submittedAt: null,
    startedAt: null,
    finishedAt: null,
    ...more,
  }
}

function asset(
  id: string,
  status: 'PROCESSING' | 'ACTIVE' | 'FAILED',
  finishedAt: Date | null,
  more: Partial<Entity<'asset'>> & { name?: string; failureReason?: string } = {},
): Entity<'asset'> {
  const { name = null, failureReason = null, ...entity } = more
  return {
    key: `JIMENG:${id}`,
    snapshot: assetSeen(status, { assetId: id, name, failureReason }),
    origin: null,
    pollingEnded: status !== 'PROCESSING',
    pollingEndedReason: null,
    seq: 1,
    observedAt: at(50),
    registeredAt: at(-100),
    submittedAt: null,
    startedAt: null,
    finishedAt,
    ...entity,
  }
}

function progress(seq: number, seconds: number, percent: number | null): Transition<'videoTask'> {
  const entity = task('RUNNING', { seq, observedAt: at(seconds) }, { progress: percent })
  return { previous: 'RUNNING', current: 'RUNNING', entity }
}

/** The events as `seconds TYPE asset`. */
function shown(...args: Parameters<typeof timelineOf>): string[] {
  return timelineOf(...args).map(({ at: time, type, asset: of }) => {
    const seconds = (time.getTime() - at(0).getTime()) / 1_000
    return [seconds, type, ...(of ? [of.snapshot.assetId] : [])].join(' ')
  })
}

test('a finished task has every event in order', () => {
  const done = task('SUCCEEDED', {
    pollingEnded: true,
    submittedAt: at(20),
    startedAt: at(30),
    finishedAt: at(60),
  })
  const assets = [asset('A', 'ACTIVE', at(15)), asset('B', 'ACTIVE', at(-5))]
  const transitions = [progress(2, 30, null), progress(3, 35, 10), progress(4, 40, 50)]

  expect(shown(done, assets, transitions)).toEqual([
    '0 ACCEPTED',
    '0 ASSET_READY B',
    '15 ASSET_READY A',
    '20 SENT',
    '30 STARTED',
    '35 PROGRESSED',
    '40 PROGRESSED',
    '60 SUCCEEDED',
  ])
})

test('a waiting task has the events so far', () => {
  const waiting = task('WAITING_FOR_ASSETS', {}, { taskId: null })
  const assets = [asset('A', 'ACTIVE', at(5)), asset('B', 'PROCESSING', null)]

  expect(shown(waiting, [], [])).toEqual(['0 ACCEPTED'])
  expect(shown(waiting, assets, [])).toEqual(['0 ACCEPTED', '5 ASSET_READY A'])
})

test('an asset that fails ends the timeline, and what other assets did later is left out', () => {
  const failed = task('FAILED', { pollingEnded: true, finishedAt: at(8) }, { failureReason: 'A.' })
  const assets = [
    asset('A', 'FAILED', at(7), { name: 'Front', failureReason: 'too small' }),
    asset('B', 'ACTIVE', at(9)),
  ]

  const entries = timelineOf(failed, assets, [])

  expect(shown(failed, assets, [])).toEqual(['0 ACCEPTED', '7 ASSET_FAILED A', '8 FAILED'])
  expect(entries.map(({ message }) => message)).toEqual([
    'The task zg-1 was accepted.',
    'The asset "Front" (A) failed: too small.',
    'The task failed: A.',
  ])
})

test.for([
  ['FAILED', 'FAILED', 'The task failed.'],
  ['EXPIRED', 'FAILED', 'The task expired at 0-0.'],
  ['CANCELLED', 'CANCELLED', 'The task was cancelled.'],
  ['SUCCEEDED', 'SUCCEEDED', 'The video is ready.'],
] as const)('a task that is %s ends its timeline with %s', ([status, type, message]) => {
  const ended = task(status, { pollingEnded: true, finishedAt: at(9) })

  expect(timelineOf(ended, [], []).at(-1)).toMatchObject({ type, message, at: at(9) })
})

test('a task whose polling ended early ends its timeline with FAILED and the reason', () => {
  const more = { pollingEnded: true, pollingEndedReason: 'too late', submittedAt: at(1) }

  const entries = timelineOf(task('RUNNING', { ...more, startedAt: at(2) }), [], [])

  expect(entries.at(-1)).toMatchObject({
    type: 'FAILED',
    at: at(90),
    message: 'The task failed: too late.',
  })
})

test('an asset whose polling ended early counts as failed', () => {
  const unpolled = asset('A', 'PROCESSING', null, { pollingEndedReason: 'too late' })

  const entries = timelineOf(task('WAITING_FOR_ASSETS'), [unpolled], [])

  expect(entries.at(-1)).toMatchObject({ type: 'ASSET_FAILED', at: at(50) })
})

test.for([null, ''])('an asset with the name %j is called by its id', (name) => {
  const { snapshot, ...ready } = asset('A', 'ACTIVE', at(5))
  const unnamed = { ...ready, snapshot: { ...snapshot, name } }

  const entries = timelineOf(task('WAITING_FOR_ASSETS'), [unnamed], [])

  expect(entries.at(-1)?.message).toBe('The asset A is ready.')
})

test('a task that was registered after 0-0 accepted it begins with its acceptance', () => {
  const elsewhere = task('RUNNING', { submittedAt: at(-60), startedAt: at(0) })

  expect(shown(elsewhere, [], [])).toEqual(['-60 ACCEPTED', '-60 SENT', '0 STARTED'])
})

test('an asset that was registered after the task was sent was ready before', () => {
  const sent = task('QUEUED', { submittedAt: at(20) })

  expect(shown(sent, [asset('A', 'ACTIVE', at(40))], [])).toEqual([
    '0 ACCEPTED',
    '20 ASSET_READY A',
    '20 SENT',
  ])
})

test('the present progress is an event when its transition is pruned, with the same name', () => {
  const running = task(
    'RUNNING',
    { submittedAt: at(1), startedAt: at(2), observedAt: at(9), seq: 4 },
    { progress: 40 },
  )
  const kept = progress(4, 9, 40)

  const pruned = timelineOf(running, [], [])

  expect(pruned.at(-1)).toMatchObject({ type: 'PROGRESSED', message: 'The video is 40% done.' })
  expect(timelineOf(running, [], [progress(3, 5, 10), kept]).at(-1)).toEqual(pruned.at(-1))
})
