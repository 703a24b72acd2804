import type { OwnFailureCode } from './failure-code.ts'

/** The platform on which 0-0 stores a group or an asset. */
export type Platform = 'JIMENG' | 'BYTEPLUS'

/** Identifies a group or an asset by its id at 0-0. */
export interface PlatformRef {
  platform: Platform
  id: string
}

/** Returns the key of a group or an asset in the ledger and in the loaders: `PLATFORM:id`, the end of its global id. */
export function keyOf({ platform, id }: PlatformRef): string {
  return `${platform}:${id}`
}

/** The media type of an asset. */
export type AssetType = 'IMAGE' | 'VIDEO' | 'AUDIO'

/** The status of an asset. UNKNOWN stands for every status word that this service does not know. */
export type AssetStatus = 'PROCESSING' | 'ACTIVE' | 'FAILED' | 'UNKNOWN'

/** The status of a group. 0-0 documents only ACTIVE. */
type AssetGroupStatus = 'ACTIVE' | 'UNKNOWN'

/** The status of a video task. WAITING_FOR_ASSETS is a status of this service: 0-0 has not received the task. */
export type VideoTaskStatus =
  | 'WAITING_FOR_ASSETS'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'UNKNOWN'

/** The purpose of an input file of a video task. */
export type ResourceRole = 'FIRST_FRAME' | 'LAST_FRAME' | 'REFERENCE'

/** A group as 0-0 reported it. `rawStatus` is the status word of 0-0. */
export interface AssetGroupSnapshot {
  platform: Platform
  groupId: string
  name: string | null
  description: string | null
  projectName: string | null
  status: AssetGroupStatus
  rawStatus: string | null
  createdAt: Date | null
}

/** An asset as 0-0 reported it. `rawStatus` is the status word of 0-0. */
export interface AssetSnapshot {
  platform: Platform
  assetId: string
  groupId: string | null
  name: string | null
  type: AssetType | null
  status: AssetStatus
  rawStatus: string
  url: string | null
  failureReason: string | null
  /** The code of a reason that this service wrote. Absent or null: none. */
  failureCode?: OwnFailureCode | null
  createdAt: Date | null
}

/** A video task as 0-0 reported it. Which fields are set depends on the provider behind 0-0. */
export interface VideoTaskSnapshot {
  /** Null until 0-0 has accepted the task. */
  taskId: string | null
  model: string | null
  provider: string | null
  status: VideoTaskStatus
  rawStatus: string | null
  /** Percent, 0 to 100. */
  progress: number | null
  video: Video | null
  usage: VideoUsage | null
  failureReason: string | null
  /** The code of a reason that this service wrote, or the code of 0-0 in its answer to a create. Absent or null: none. */
  failureCode?: string | null
  /** The key of the asset because of which the task was not sent. Absent or null: none. */
  failedAssetKey?: string | null
  createdAt: Date | null
  updatedAt: Date | null
}

/** A video task that 0-0 has accepted. */
export type AcceptedVideoTask = VideoTaskSnapshot & { taskId: string }

/** The finished video of a task. */
export interface Video {
  url: string
  /** Seconds. */
  duration: number | null
  resolution: string | null
  ratio: string | null
  fps: number | null
}

/** The tokens that a task used, as the provider counts them. */
export interface VideoUsage {
  videoTokens: number | null
  completionTokens: number | null
  totalTokens: number | null
}

/**
 * Returns whether the status of an asset is terminal, so that the asset does not change (0-0 documentation, assets).
 */
export function isTerminalAsset(status: AssetStatus): boolean {
  return status === 'ACTIVE' || status === 'FAILED'
}

const TERMINAL_TASKS: ReadonlySet<VideoTaskStatus> = new Set([
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
])

/** Returns whether the status of a video task is terminal, so that the task does not change. */
export function isTerminalTask(status: VideoTaskStatus): boolean {
  return TERMINAL_TASKS.has(status)
}
