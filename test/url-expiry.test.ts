import { expect, test } from 'vitest'
import { type Entity, UNREGISTERED } from '../src/ledger/entity.ts'
import { assetUrlExpiryOf, videoExpiryOf, videoOf } from '../src/resolvers/url-expiry.ts'
import { assetSeen, taskSeen } from './support/ledger.ts'

const HOUR_MS = 3_600_000
const observedAt = new Date('2026-04-30T00:00:00Z')
const PLAIN = 'https://cdn.example.com/a.png'

function asset(url: string | null, sourceUrl: string | null = null): Entity<'asset'> {
  const origin = sourceUrl === null ? null : { sourceUrl }
  const snapshot = assetSeen('ACTIVE', { url })
  return { ...UNREGISTERED, key: 'a', snapshot, origin, pollingEnded: true, observedAt }
}

function task(url: string, more: Partial<Entity<'videoTask'>> = {}, updatedAt: Date | null = null) {
  const video = { url, duration: null, resolution: null, ratio: null, fps: null }
  const snapshot = taskSeen('SUCCEEDED', { video, updatedAt })
  const state = { key: 'cgt-1', origin: null, pollingEnded: true, observedAt }
  const entity: Entity<'videoTask'> = { ...UNREGISTERED, ...state, snapshot, ...more }
  const found = videoOf(entity)
  if (!found) throw new Error('The task has no video.')
  return found
}

const signed = (service: string, date: string, seconds: string) =>
  `${PLAIN}?X-${service}-Date=${date}&X-${service}-Expires=${seconds}&X-${service}-Signature=ab`

test.for([
  ['a URL without parameters, 12 hours after it was observed', PLAIN, '2026-04-30T12:00:00.000Z'],
  ['a URL signed for TOS', signed('Tos', '20260430T024000Z', '43200'), '2026-04-30T14:40:00.000Z'],
  ['a URL signed for S3', signed('Amz', '20260430T024000Z', '60'), '2026-04-30T02:41:00.000Z'],
  ['an invalid time', signed('Tos', '20261330T024000Z', '60'), '2026-04-30T12:00:00.000Z'],
  ['an invalid lifetime', signed('Tos', '20260430T024000Z', '-1'), '2026-04-30T12:00:00.000Z'],
] as const)('the URL of an asset expires: %s', ([, url, expiry]) => {
  expect(assetUrlExpiryOf(asset(url))?.toISOString()).toBe(expiry)
  expect(assetUrlExpiryOf(asset(url, 'https://example.com/b.png'))?.toISOString()).toBe(expiry)
})

test('there is no expiry without a URL, and for the URL with which the asset was registered', () => {
  expect(assetUrlExpiryOf(asset(null))).toBeNull()
  expect(assetUrlExpiryOf(asset(PLAIN, PLAIN))).toBeNull()
})

test('the URL of a video expires as signed, or else 24 hours after the task finished', () => {
  const at = (hours: number) => new Date(observedAt.getTime() + hours * HOUR_MS)

  expect(videoExpiryOf(task(PLAIN, { finishedAt: at(-5) }))).toEqual(at(19))
  expect(videoExpiryOf(task(PLAIN, { finishedAt: at(-5) }, at(-2)))).toEqual(at(19))
  expect(videoExpiryOf(task(PLAIN, {}, at(-2)))).toEqual(at(22))
  expect(videoExpiryOf(task(PLAIN))).toEqual(at(24))
  const url = signed('Tos', '20260430T010000Z', '3600')
  expect(videoExpiryOf(task(url, { finishedAt: at(-5) }))).toEqual(at(2))
  expect(videoOf({ ...task(PLAIN).entity, snapshot: taskSeen('RUNNING') })).toBeNull()
})
