import type { AssetType, Platform, ResourceRole } from './entities.ts'

/** A group to create at 0-0. */
export interface CreateAssetGroupRequest {
  platform: Platform
  name: string
  description?: string | undefined
  projectName?: string | undefined
}

/** An asset to register with 0-0. */
export interface CreateAssetRequest {
  platform: Platform
  groupId: string
  url: string
  type: AssetType
  name?: string | undefined
}

/** A video task to send to 0-0. */
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

/** One input file of a video task: an asset with its id at 0-0, or a public URL. */
export type VideoResourceRequest = { type: AssetType; role: ResourceRole } & (
  | { assetId: string; platform: Platform; url?: undefined }
  | { url: string; assetId?: undefined; platform?: undefined }
)
