import type { Entity } from '../ledger/entity.ts'
import type { VideoTaskSnapshot, VideoTaskStatus } from '../model/entities.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Page, PageRequest } from '../model/page.ts'
import type { VideoResourceRequest } from '../model/requests.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { getVideoTaskId } from './ids.ts'
import { listPage } from './list-page.ts'
import { nullIfNotFound, nullIfUnavailable } from './null-if-not-found.ts'
import type { TaskRef } from './reads.ts'

/** A video task in the form of the GraphQL schema. */
export interface VideoTask extends Omit<VideoTaskSnapshot, 'taskId' | 'model'> {
  /** The key in the ledger. It does not change. */
  id: string
  /** The task in the ledger. */
  entity: Entity<'videoTask'>
  /** Null until 0-0 has accepted the task. */
  taskId: string | null
  model: string
  prompt: string | null
  /** Seconds. */
  duration: number | null
  resolution: string | null
  ratio: string | null
  resources: VideoResourceRequest[]
}

/** Returns the video task of a ledger entity. */
export function videoTaskOf(entity: Entity<'videoTask'>): VideoTask {
  const { key, snapshot, origin, pollingEndedReason } = entity
  const request = origin?.request
  return {
    ...snapshot,
    id: key,
    entity,
    model: origin?.model ?? snapshot.model ?? UNKNOWN_MODEL,
    prompt: request?.prompt ?? null,
    duration: request?.duration ?? null,
    resolution: request?.resolution ?? null,
    ratio: request?.ratio ?? null,
    resources: request?.resources ?? [],
    failureReason: snapshot.failureReason ?? pollingEndedReason,
  }
}

/** The model of a task for which neither 0-0 nor the caller has sent one. */
export const UNKNOWN_MODEL = 'unknown'

/**
 * Returns the video task with this global or bare id, or null when neither 0-0 nor the ledger knows it. Throws any other
 * failure. After some days 0-0 returns NOT_FOUND for a task. A task whose polling has ended is then returned from the
 * ledger.
 */
export async function findVideoTask(
  id: string,
  model: string | null,
  context: Context,
): Promise<VideoTask | null> {
  const key = getVideoTaskId(id)
  const { tenant } = requireIdentity(context)
  const ref = { tenant, kind: 'videoTask', key } as const
  const known = await context.ledger.find(ref).catch(nullIfUnavailable)
  if (known && known.snapshot.taskId === null) return videoTaskOf(known)
  const read = await nullIfNotFound(context.loaders.videoTask.load(taskRefOf(key, model, known)))
  const task = read ?? (known?.pollingEnded ? known : null)
  return task && videoTaskOf(task)
}

/**
 * Returns the reference with which a task is read from 0-0. `id` is the id in the request. `known` is the task in the
 * ledger, whose key can differ from its id at 0-0.
 */
export function taskRefOf(
  id: string,
  model: string | null,
  known: Entity<'videoTask'> | null,
): TaskRef {
  return {
    key: known?.key ?? id,
    taskId: known?.snapshot.taskId ?? id,
    model: known?.origin?.model ?? model ?? known?.snapshot.model ?? null,
  }
}

/** Returns the asset of an input file, or null when the input file is a URL. Throws the failure of the read. */
export async function findResourceAsset(
  { assetId, platform }: VideoResourceRequest,
  { loaders }: Context,
): Promise<Asset | null> {
  return assetId === undefined ? null : assetOf(await loaders.asset.load({ platform, id: assetId }))
}

/** Filters a list of video tasks. */
interface VideoTaskFilter {
  status?: VideoTaskStatus | null | undefined
  statuses?: VideoTaskStatus[] | null | undefined
  search?: string | null | undefined
}

/** Returns a page of the video tasks that are registered here. Throws like `listPage`. */
export async function listVideoTasks(
  filter: VideoTaskFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<VideoTask>> {
  return listPage('videoTask', filter, request, videoTaskOf, context)
}
