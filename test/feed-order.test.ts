import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { isStale, type Transition } from '../src/ledger/entity.ts'
import { type Ledger, openLedger } from '../src/ledger/ledger.ts'
import type { ClaimedPollJob } from '../src/ledger/poll-job.ts'
import type { VideoTaskStatus } from '../src/model/entities.ts'
import { type Feed, openFeed } from '../src/resolvers/feed.ts'
import { temporaryFolder } from './support/app.ts'
import { engineSettings } from './support/engine.ts'
import { taskSeen } from './support/ledger.ts'

/** The steps that can happen to one task, in any order. */
type Step =
  | { do: 'observe'; status: VideoTaskStatus }
  | { do: 'claim' }
  | { do: 'answer'; claim: number; status: VideoTaskStatus }
  | { do: 'subscribe' }
  | { do: 'read'; subscriber: number }
  | { do: 'leave'; subscriber: number }
  | { do: 'interrupt' }

const status = fc.constantFrom<VideoTaskStatus[]>(
  'QUEUED',
  'RUNNING',
  'UNKNOWN',
  'SUCCEEDED',
  'FAILED',
)
const index = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('observe' as const), status }),
  fc.record({ do: fc.constant('claim' as const) }),
  fc.record({ do: fc.constant('answer' as const), claim: index, status }),
  fc.record({ do: fc.constant('subscribe' as const) }),
  fc.record({ do: fc.constant('read' as const), subscriber: index }),
  fc.record({ do: fc.constant('leave' as const), subscriber: index }),
  fc.record({ do: fc.constant('interrupt' as const) }),
)

test('each subscriber gets each change once and in order, in any order of polls, lost leases and subscriptions', async () => {
  const ledger = await open()
  let runs = 0

  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      runs += 1
      const scenario = await createScenario(ledger, `cgt-${runs}`)
      for (const one of steps) await scenario.take(one)
      await scenario.check()
    }),
    { numRuns: 150 },
  )
}, 60_000)

/** Never goes back, because poll budgets are refilled over time. */
const clock = { now: Date.now() + 1_000 }

async function createScenario(ledger: Ledger, key: string) {
  const ref = { tenant: ledger.tenantOf('sk-test'), kind: 'videoTask', key } as const
  const first = await ledger.register(ref, {
    snapshot: taskSeen('QUEUED', { taskId: key }),
    origin: null,
    credential: 'sk-test',
  })
  /** Every status of the task, in order. `from` of a subscriber is the index at which it subscribed. */
  const history: VideoTaskStatus[] = ['QUEUED']
  const claims: ClaimedPollJob[] = []
  const subscribers: { feed: Feed<'videoTask'>; from: number; given: string[] }[] = []
  let fence = 0

  function record(next: VideoTaskStatus): void {
    const present = history.at(-1) as VideoTaskStatus
    if (next !== present && !isStale('videoTask', present, next)) history.push(next)
  }

  async function take(one: Step): Promise<void> {
    switch (one.do) {
      case 'observe':
        await ledger.recordObservation(ref, taskSeen(one.status, { taskId: key }))
        return record(one.status)
      case 'claim': {
        // Far enough ahead that every lease has expired.
        clock.now += 10_000
        const claimed = await ledger.pollJobs.claim({
          now: new Date(clock.now),
          limit: 100,
          leaseMs: 1_000,
          maxRps: 1e6,
        })
        const mine = claimed.find((claim) => claim.key === key)
        if (mine) {
          claims.push(mine)
          fence = mine.fence
        }
        return
      }
      case 'answer': {
        const claim = claims[one.claim % Math.max(1, claims.length)]
        if (!claim) return
        const then = { nextPollAt: new Date(0), gapMs: 1 }
        const held = await ledger.pollJobs.conclude(
          claim,
          taskSeen(one.status, { taskId: key }),
          then,
        )
        if (held) {
          expect(claim.fence).toBe(fence)
          record(one.status)
        }
        return
      }
      case 'subscribe': {
        const feed = await openFeed<'videoTask'>({
          notifier: ledger.notifier,
          targets: [ref],
          present: async () => [(await ledger.find(ref)) ?? first],
          keys: async () => [key],
          transitionsAfter: (_key, seq) => ledger.transitionsAfter(ref, seq),
          finite: true,
        })
        subscribers.push({ feed, from: history.length - 1, given: [] })
        return
      }
      case 'read': {
        const subscriber = subscribers[one.subscriber]
        // Reads only while a change is pending, because another read would wait.
        if (subscriber && subscriber.given.length < history.length - subscriber.from) {
          const { value } = await subscriber.feed.next()
          subscriber.given.push((value as Transition<'videoTask'>).current)
        }
        return
      }
      case 'leave': {
        const [subscriber] = subscribers.splice(one.subscriber, 1)
        await subscriber?.feed.return()
        return
      }
      case 'interrupt':
        return ledger.notifier.sendAll()
    }
  }

  async function check(): Promise<void> {
    await take({ do: 'observe', status: 'SUCCEEDED' })
    for (const { feed, from, given } of subscribers) {
      for await (const { current } of feed) given.push(current)
      expect(given).toEqual(history.slice(from))
    }
    expect(ledger.notifier.size).toBe(0)
  }

  return { take, check }
}

async function open(): Promise<Ledger> {
  const dataDir = temporaryFolder()
  const { DATABASE_URL: databaseUrl } = await engineSettings(dataDir)
  const ledger = await openLedger({
    dataDir,
    databaseUrl,
    polling: { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 3_600_000_000 },
    onError() {},
  })
  onTestFinished(() => ledger.close())
  return ledger
}
