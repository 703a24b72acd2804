import type { Asset, TaskEvent, VideoTask } from './operations.ts'
import { colour } from './output.ts'

/** The statuses and event types that end well, and those that end badly. Others go on. */
const GOOD = new Set(['ACTIVE', 'SUCCEEDED', 'ASSET_READY'])
const BAD = new Set(['FAILED', 'CANCELLED', 'EXPIRED', 'ASSET_FAILED'])

/** Returns a status in its colour. */
export function status(word: string): string {
  if (GOOD.has(word)) return colour.good(word)
  return BAD.has(word) ? colour.bad(word) : word
}

/** Returns the time of day of a date, in the time zone of this machine. */
export function time(date: string): string {
  return colour.dim(new Date(date).toLocaleTimeString('en-GB'))
}

/** Returns how a person recognises an asset. */
export function assetName({ name, id }: Asset): string {
  return name ? `${name} (${id})` : id
}

/** Returns the line of an event of a task. */
export function taskLine({ at, type, message, videoTask }: TaskEvent): string {
  const done = percent(videoTask)
  const detail = message || done
  return `${time(at)}  ${status(type)}${detail && `  ${detail}`}`
}

/** Returns an asset with the reason of its failure. */
export function assetLine(asset: Asset): string {
  const { failureReason, sourceUrl } = asset
  return [assetName(asset), asset.status, failureReason, sourceUrl].filter(Boolean).join('  ')
}

/** Returns the lines that say why a task failed, with the asset to blame. What `shown` says already is left out. */
export function failureLines({ failure }: VideoTask, shown: string): string[] {
  if (failure === null) return []
  const { message, asset } = failure
  return [
    ...(shown.includes(message) ? [] : [message]),
    ...(asset === null ? [] : [`  ${assetLine(asset)}`]),
  ]
}

/** Returns the progress of a task as shown: status, percentage and the estimated seconds that remain. */
export function progressLine(task: VideoTask, elapsedMs: number): string {
  const remaining = task.estimatedReadyAt
    ? Math.round((Date.parse(task.estimatedReadyAt) - Date.now()) / 1_000)
    : 0
  return [
    task.status,
    percent(task),
    `${Math.floor(elapsedMs / 1_000)} s`,
    remaining > 0 ? `ready in about ${remaining} s` : '',
  ]
    .filter(Boolean)
    .join(' · ')
}

function percent({ progress }: VideoTask): string {
  return progress === null ? '' : `${Math.round(progress)} %`
}
