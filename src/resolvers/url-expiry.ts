import type { Entity } from '../ledger/entity.ts'
import type { Video } from '../model/entities.ts'

const HOUR_MS = 3_600_000
/** How long a URL of an asset is valid at least (upstream-api 2.2). */
const ASSET_URL_MS = 12 * HOUR_MS
/** How long the URL of a video is valid; other sources say 12 hours to 7 days (upstream-api 8). */
const VIDEO_URL_MS = 24 * HOUR_MS

/** The video of a task, with the task in the ledger. */
export interface TaskVideo extends Video {
  entity: Entity<'videoTask'>
}

/** Returns the video of a task, or null when there is none. */
export function videoOf(entity: Entity<'videoTask'>): TaskVideo | null {
  const { video } = entity.snapshot
  return video && { ...video, entity }
}

/**
 * Returns when the URL of an asset expires: as signed, or else 12 hours after it was observed. Null without a URL, and
 * for the URL with which the asset was registered, because 0-0 has not signed it.
 */
export function assetUrlExpiryOf({ snapshot, origin, observedAt }: Entity<'asset'>): Date | null {
  const { url } = snapshot
  if (url === null || url === origin?.sourceUrl) return null
  return signedExpiryOf(url) ?? later(observedAt, ASSET_URL_MS)
}

/** Returns when the URL of a video expires: as signed, or else 24 hours after the task finished. */
export function videoExpiryOf({ url, entity }: TaskVideo): Date {
  const { finishedAt, observedAt, snapshot } = entity
  const readyAt = finishedAt ?? snapshot.updatedAt ?? observedAt
  return signedExpiryOf(url) ?? later(readyAt, VIDEO_URL_MS)
}

/**
 * Reads the time and the lifetime in seconds from the parameters of a signed URL, e.g. `X-Tos-Date=20260430T024000Z`
 * and `X-Tos-Expires=43200`. Null when they are missing or invalid.
 */
function signedExpiryOf(url: string): Date | null {
  const parameters = [...new URL(url).searchParams]
  const find = (pattern: RegExp) => parameters.find(([name]) => pattern.test(name))?.[1] ?? ''
  const [, ...time] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(find(SIGNED_DATE)) ?? []
  const seconds = find(SIGNED_LIFETIME)
  if (time.length === 0 || !/^\d{1,8}$/.test(seconds)) return null
  const [year, month, day, hour, minute, second] = time
  const signedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(signedAt.getTime()) ? null : later(signedAt, Number(seconds) * 1_000)
}

/** The parameters of Amazon S3, Volcengine TOS and Google Cloud Storage. */
const SIGNED_DATE = /^x-(amz|tos|goog)-date$/i
const SIGNED_LIFETIME = /^x-(amz|tos|goog)-expires$/i

function later(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms)
}
