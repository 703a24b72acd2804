/**
 * The words of the house: what 0-0 keeps, in the form every room hands to the next.
 * Types and the few pure rules about them; imports nothing.
 */

export const PLATFORMS = ['JIMENG', 'BYTEPLUS'] as const
export type Platform = (typeof PLATFORMS)[number]

/** Names something that lives on a platform. */
export interface PlatformRef {
  platform: Platform
  id: string
}

/** The name of a group or an asset in one string: in the ledger, in the loaders and in its global id. */
export function keyOf({ platform, id }: PlatformRef): string {
  return `${platform}:${id}`
}

export const ASSET_TYPES = ['IMAGE', 'VIDEO', 'AUDIO'] as const
export type AssetType = (typeof ASSET_TYPES)[number]

export const ASSET_STATUSES = ['PROCESSING', 'ACTIVE', 'FAILED', 'UNKNOWN'] as const
export type AssetStatus = (typeof ASSET_STATUSES)[number]

export const ASSET_GROUP_STATUSES = ['ACTIVE', 'UNKNOWN'] as const
export type AssetGroupStatus = (typeof ASSET_GROUP_STATUSES)[number]

export const VIDEO_TASK_STATUSES = [
  'WAITING_FOR_ASSETS',
  'QUEUED',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
  'UNKNOWN',
] as const
export type VideoTaskStatus = (typeof VIDEO_TASK_STATUSES)[number]

export const RESOURCE_ROLES = ['FIRST_FRAME', 'LAST_FRAME', 'REFERENCE'] as const
export type ResourceRole = (typeof RESOURCE_ROLES)[number]

/** What 0-0 says of a group at one moment. */
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

/** What 0-0 says of an asset at one moment. `rawStatus` is its own word, also where `status` knows no name for it. */
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

/** What 0-0 says of a video task at one moment; which of it is present depends on the provider behind 0-0. */
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

/** A task that 0-0 has accepted. */
export type AcceptedVideoTask = VideoTaskSnapshot & { taskId: string }

export interface Video {
  url: string
  /** Seconds. */
  duration: number | null
  resolution: string | null
  ratio: string | null
  fps: number | null
}

export interface VideoUsage {
  videoTokens: number | null
  completionTokens: number | null
  totalTokens: number | null
}

export interface CreateAssetGroupRequest {
  platform: Platform
  name: string
  description?: string | undefined
  projectName?: string | undefined
}

export interface CreateAssetRequest {
  platform: Platform
  groupId: string
  url: string
  type: AssetType
  name?: string | undefined
}

export interface CreateVideoTaskRequest {
  model: string
  prompt: string
  /** Seconds; -1 lets the model choose. */
  duration?: number | undefined
  resolution?: string | undefined
  ratio?: string | undefined
  audio: boolean
  watermark?: boolean | undefined
  seed?: number | undefined
  resources: VideoResourceRequest[]
  providerOptions?: Record<string, unknown> | undefined
}

/** One input of a video: an asset by 0-0's id, or a public URL. */
export type VideoResourceRequest = { type: AssetType; role: ResourceRole } & (
  | { assetId: string; platform: Platform; url?: undefined }
  | { url: string; assetId?: undefined; platform?: undefined }
)

/** One thing wrong with an input; `path` leads to it, e.g. `['resources', '0', 'role']`. */
export interface InputIssue {
  path: string[]
  message: string
}

/** ACTIVE and FAILED never change again (0-0's documentation, assets). */
export function isTerminalAsset(status: AssetStatus): boolean {
  return status === 'ACTIVE' || status === 'FAILED'
}

const TERMINAL_TASKS: ReadonlySet<VideoTaskStatus> = new Set([
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
])

export function isTerminalTask(status: VideoTaskStatus): boolean {
  return TERMINAL_TASKS.has(status)
}
