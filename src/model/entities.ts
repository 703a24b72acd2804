/** Where 0-0 keeps groups and assets. */
export type Platform = 'JIMENG' | 'BYTEPLUS'

/** Names a group or an asset by its id at 0-0. */
export interface PlatformRef {
  platform: Platform
  id: string
}

/** The key of a group or an asset in the ledger and in the loaders, and the second part of its global id. */
export function keyOf({ platform, id }: PlatformRef): string {
  return `${platform}:${id}`
}

/** The media type of an asset. */
export type AssetType = 'IMAGE' | 'VIDEO' | 'AUDIO'

/** UNKNOWN stands for every status word that this service does not know. */
export type AssetStatus = 'PROCESSING' | 'ACTIVE' | 'FAILED' | 'UNKNOWN'

/** 0-0 documents no other status of a group than ACTIVE. */
export type AssetGroupStatus = 'ACTIVE' | 'UNKNOWN'

/** WAITING_FOR_ASSETS is a status of this service: 0-0 has not received the task yet. */
export type VideoTaskStatus =
  | 'WAITING_FOR_ASSETS'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'UNKNOWN'

/** What a video task uses an input file for. */
export type ResourceRole = 'FIRST_FRAME' | 'LAST_FRAME' | 'REFERENCE'

/** A group as 0-0 reported it. */
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
  /** 0 to 100. */
  progress: number | null
  video: Video | null
  usage: VideoUsage | null
  failureReason: string | null
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

/** Whether an asset in this status does not change any more (documentation of 0-0, assets). */
export function isTerminalAsset(status: AssetStatus): boolean {
  return status === 'ACTIVE' || status === 'FAILED'
}

const TERMINAL_TASKS: ReadonlySet<VideoTaskStatus> = new Set([
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
])

/** Whether a video task in this status does not change any more. */
export function isTerminalTask(status: VideoTaskStatus): boolean {
  return TERMINAL_TASKS.has(status)
}
