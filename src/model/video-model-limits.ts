import type { AssetType } from './entities.ts'

/** What is known about a video model. This service checks every limit before a request is sent. */
export interface VideoModelLimits {
  acceptsAssets: boolean
  /** Null: this service knows no limits of the model, and checks only what holds for every model. */
  options: VideoModelOptions | null
}

/** The values that a model accepts. */
export interface VideoModelOptions {
  resolutions: readonly string[]
  ratios: readonly string[]
  /** In seconds. -1 is accepted too: the model then chooses the duration. */
  durations: { min: number; max: number }
  /** The maximum number of references of each type. */
  maxReferences: Record<AssetType, number>
  /** The values that 0-0 uses when an option is absent. `duration` is in seconds. */
  defaults: { duration: number; resolution: string; ratio: string }
}

const FAST: VideoModelOptions = {
  resolutions: ['480p', '720p'],
  ratios: ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive'],
  durations: { min: 4, max: 15 },
  maxReferences: { IMAGE: 9, VIDEO: 3, AUDIO: 3 },
  defaults: { duration: 5, resolution: '720p', ratio: 'adaptive' },
}
const STANDARD: VideoModelOptions = {
  ...FAST,
  resolutions: ['480p', '720p', '1080p', '4k'],
}

/** The known models by the beginning of their names, the longest first (upstream-api 3.1 and 3.2). */
const FAMILIES: readonly [prefix: string, limits: VideoModelLimits][] = [
  ['seedance-2-0-fast', { acceptsAssets: true, options: FAST }],
  ['seedance-2-0', { acceptsAssets: true, options: STANDARD }],
]
/** Only the Seedance 2.0 models accept assets (upstream-api 3.2). */
const OTHER: VideoModelLimits = { acceptsAssets: false, options: null }

/** The names of the models whose limits are known. */
export const KNOWN_VIDEO_MODELS: readonly string[] = FAMILIES.map(([name]) => name).reverse()

/** Returns the limits of a model. */
export function limitsOfVideoModel(model: string): VideoModelLimits {
  return FAMILIES.find(([prefix]) => model.startsWith(prefix))?.[1] ?? OTHER
}
