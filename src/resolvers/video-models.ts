import { failureOf } from '../model/failure.ts'
import { KNOWN_VIDEO_MODELS, limitsOfVideoModel } from '../model/video-model-limits.ts'
import type { Context } from './context.ts'

/** A video model, with the limits that this service checks. A limit is null when it is not known. */
export interface VideoModel {
  id: string
  acceptsAssets: boolean
  resolutions: readonly string[] | null
  ratios: readonly string[] | null
  /** In seconds. */
  durations: { min: number; max: number } | null
  maxImages: number | null
  maxVideos: number | null
  maxAudios: number | null
  defaults: { duration: number; resolution: string; ratio: string } | null
}

/**
 * Lists the video models that 0-0 offers to the caller's key. Lists the known models without credentials, and when 0-0
 * cannot say what it offers. Throws UNAUTHENTICATED for invalid credentials: a form should report a wrong key before it
 * is filled in.
 */
export async function listVideoModels(context: Context): Promise<VideoModel[]> {
  const offered = context.identity === null ? null : await findOffered(context)
  return (offered?.filter(isVideoModel) ?? KNOWN_VIDEO_MODELS).map(videoModelOf)
}

/** Returns the names of all models that 0-0 offers, or null when it does not say. */
async function findOffered(context: Context): Promise<readonly string[] | null> {
  try {
    return await context.reads.offeredModels(context)
  } catch (error) {
    const failure = failureOf(error)
    if (failure === null || failure.code === 'UNAUTHENTICATED') throw error
    return null
  }
}

/**
 * The list of 0-0 also contains models for text, and does not say what a model makes. The gateway chooses a model for a
 * video by these parts of its name (upstream-api 1).
 */
function isVideoModel(name: string): boolean {
  return /seedance|sora|veo|video/i.test(name)
}

function videoModelOf(id: string): VideoModel {
  const { acceptsAssets, options } = limitsOfVideoModel(id)
  return {
    id,
    acceptsAssets,
    resolutions: options?.resolutions ?? null,
    ratios: options?.ratios ?? null,
    durations: options?.durations ?? null,
    maxImages: options?.maxReferences.IMAGE ?? null,
    maxVideos: options?.maxReferences.VIDEO ?? null,
    maxAudios: options?.maxReferences.AUDIO ?? null,
    defaults: options?.defaults ?? null,
  }
}
