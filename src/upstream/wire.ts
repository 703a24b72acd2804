import { z } from 'zod'
import type {
  AcceptedVideoTask,
  AssetGroupSnapshot,
  AssetSnapshot,
  AssetStatus,
  AssetType,
  Platform,
  ResourceRole,
  VideoTaskStatus,
} from '../model/entities.ts'
import type {
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
  VideoResourceRequest,
} from '../model/requests.ts'
import { readFailureReason } from './failure-reason.ts'

/*
 * Translates between the JSON bodies of 0-0 and our model. The bodies are not fully documented, so the
 * `read…` functions require only the id and throw a ZodError without it. Any other field that is
 * absent or has an unexpected type becomes null. Unknown fields are ignored.
 */

/**
 * Reads `data` of GET and POST /v1/asset-groups (upstream-api 2.1). Some providers send only the id, as
 * a string. Throws a ZodError when there is no id.
 */
export function readAssetGroup(data: unknown, platform: Platform): AssetGroupSnapshot {
  const group = AssetGroupBody.parse(typeof data === 'string' ? { group_id: data } : data)
  return {
    platform,
    groupId: readId(group.group_id, group.id),
    name: group.name,
    description: group.description,
    projectName: group.project_name,
    status: group.status?.toLowerCase() === 'active' ? 'ACTIVE' : 'UNKNOWN',
    rawStatus: group.status,
    createdAt: readTimestamp(group.created_at),
  }
}

/** Reads `data` of GET and POST /v1/assets (upstream-api 2.2). Throws a ZodError when there is no id. */
export function readAsset(data: unknown, platform: Platform): AssetSnapshot {
  const asset = AssetBody.parse(data)
  return {
    platform,
    assetId: readId(asset.asset_id, asset.id),
    groupId: asset.group_id,
    name: asset.name,
    type: ASSET_TYPES.get(asset.asset_type?.toLowerCase()) ?? null,
    status: ASSET_STATUSES.get(asset.status?.toLowerCase()) ?? 'UNKNOWN',
    rawStatus: asset.status ?? '',
    url: httpUrl(asset.url),
    failureReason: readFailureReason(asset),
    createdAt: readTimestamp(asset.created_at),
  }
}

/**
 * Reads the body of POST /v1/video/tasks (upstream-api 3.3). A task without a status is QUEUED, because
 * some providers send only the id. Throws a ZodError when there is no id.
 */
export function readCreatedVideoTask(body: unknown): AcceptedVideoTask {
  const task = readVideoTask(body)
  return task.rawStatus === null ? { ...task, status: 'QUEUED' } : task
}

/** Reads the body of GET /v1/video/tasks/{task_id} (upstream-api 3.4). Throws a ZodError when there is no id. */
export function readVideoTask(body: unknown): AcceptedVideoTask {
  const task = VideoTaskBody.parse(body)
  const { video, content, usage } = task
  const url = httpUrl(video?.url ?? null) ?? httpUrl(content?.video_url ?? null)
  return {
    taskId: readId(task.id),
    model: task.model,
    provider: task.provider,
    status: VIDEO_TASK_STATUSES.get(task.status?.toLowerCase()) ?? 'UNKNOWN',
    rawStatus: task.status,
    progress: task.progress === null ? null : Math.min(100, Math.max(0, task.progress)),
    video:
      url === null
        ? null
        : {
            url,
            duration: video?.duration ?? null,
            resolution: video?.resolution ?? null,
            ratio: video?.ratio ?? null,
            fps: video?.fps ?? null,
          },
    usage:
      usage === null || Object.values(usage).every((tokens) => tokens === null)
        ? null
        : {
            videoTokens: usage.video_tokens,
            completionTokens: usage.completion_tokens,
            totalTokens: usage.total_tokens,
          },
    failureReason: readFailureReason(task),
    createdAt: readTimestamp(task.created_at),
    updatedAt: readTimestamp(task.updated_at),
  }
}

/** Returns the body of POST /v1/asset-groups (upstream-api 2.1). */
export function writeAssetGroup(request: CreateAssetGroupRequest): object {
  return {
    platform: request.platform,
    name: request.name,
    description: request.description,
    project_name: request.projectName,
  }
}

/** Returns the body of POST /v1/assets (upstream-api 2.2). */
export function writeAsset(request: CreateAssetRequest): object {
  return {
    platform: request.platform,
    group_id: request.groupId,
    url: request.url,
    asset_type: { IMAGE: 'Image', VIDEO: 'Video', AUDIO: 'Audio' }[request.type],
    name: request.name,
  }
}

/**
 * Returns the body of POST /v1/video/tasks (upstream-api 3.1). `audio` is always sent, because its
 * default is not the same for all providers.
 */
export function writeVideoTask(request: CreateVideoTaskRequest): object {
  return {
    model: request.model,
    prompt: request.prompt,
    duration: request.duration,
    resolution: request.resolution,
    ratio: request.ratio,
    audio: request.audio,
    watermark: request.watermark,
    seed: request.seed,
    resources: request.resources.length === 0 ? undefined : request.resources.map(writeResource),
    provider_options: request.providerOptions,
  }
}

/**
 * `role` is always sent: without it, 0-0 uses the first image as the first frame. 0-0 treats `asset_id`
 * as a URL unless it starts with exactly `Asset-`. So any other asset id is sent as an `asset://` URL
 * (upstream-api 3.2).
 */
function writeResource(resource: VideoResourceRequest): object {
  const { type, role, assetId, url } = resource
  const source = assetId?.startsWith('Asset-')
    ? { asset_id: assetId }
    : { url: assetId === undefined ? url : `asset://${assetId}` }
  return { type: type.toLowerCase(), role: ROLES[role], ...source }
}

const ROLES: Record<ResourceRole, string> = {
  FIRST_FRAME: 'first_frame',
  LAST_FRAME: 'last_frame',
  REFERENCE: 'reference',
}

const ASSET_TYPES = new Map<string | undefined, AssetType>([
  ['image', 'IMAGE'],
  ['video', 'VIDEO'],
  ['audio', 'AUDIO'],
])

const ASSET_STATUSES = new Map<string | undefined, AssetStatus>([
  ['processing', 'PROCESSING'],
  ['active', 'ACTIVE'],
  ['failed', 'FAILED'],
])

/** The status values of 0-0 and of the providers, in lower case (upstream-api 3.5). */
const VIDEO_TASK_STATUSES = new Map<string | undefined, VideoTaskStatus>([
  ['queued', 'QUEUED'],
  ['running', 'RUNNING'],
  ['waiting', 'RUNNING'],
  ['submitted', 'RUNNING'],
  ['pending', 'RUNNING'],
  ['in_progress', 'RUNNING'],
  ['processing', 'RUNNING'],
  ['succeeded', 'SUCCEEDED'],
  ['success', 'SUCCEEDED'],
  ['completed', 'SUCCEEDED'],
  ['failed', 'FAILED'],
  ['fail', 'FAILED'],
  ['timeout', 'FAILED'],
  ['cancelled', 'CANCELLED'],
  ['canceled', 'CANCELLED'],
  ['expired', 'EXPIRED'],
])

const text = z.string().nullable().catch(null)

/** A text of the caller. 0-0 returns the empty string for one that was not given. */
const optionalText = text.transform((value) => value || null)

const number = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*-?\d+(\.\d+)?\s*%?\s*$/)
      .transform(Number.parseFloat),
  ])
  .nullable()
  .catch(null)

/** Rounded to an integer. Null when it does not fit GraphQL's Int. */
const count = number
  .transform((value) => (value === null ? null : Math.round(value)))
  .pipe(z.int32().nullable())
  .catch(null)

const timestamp = z.union([z.string(), z.number()]).nullable().catch(null)

/** A string, or a number that JavaScript can represent exactly. A rounded number would be another id. */
const id = z
  .union([z.string(), z.int().transform(String)])
  .nullable()
  .catch(null)

const failure = {
  error: z.unknown().optional(),
  Error: z.unknown().optional(),
  fail_reason: z.unknown().optional(),
  failure_reason: z.unknown().optional(),
}

const AssetGroupBody = z.object({
  group_id: id,
  id,
  name: optionalText,
  description: optionalText,
  project_name: optionalText,
  status: text,
  created_at: timestamp,
})

const AssetBody = z.object({
  asset_id: id,
  id,
  group_id: text,
  name: optionalText,
  asset_type: text,
  status: text,
  url: text,
  created_at: timestamp,
  ...failure,
})

const VideoTaskBody = z.object({
  id,
  model: text,
  provider: text,
  status: text,
  progress: number,
  video: z
    .object({ url: text, duration: number, resolution: text, ratio: text, fps: number })
    .nullable()
    .catch(null),
  content: z.object({ video_url: text }).nullable().catch(null),
  usage: z
    .object({ video_tokens: count, completion_tokens: count, total_tokens: count })
    .nullable()
    .catch(null),
  created_at: timestamp,
  updated_at: timestamp,
  ...failure,
})

const Id = z.string('an id is missing').min(1, 'an id is missing')

/** The first id that is neither null nor empty. Throws a ZodError when there is none. */
function readId(...candidates: (string | null)[]): string {
  return Id.parse(candidates.find((candidate) => candidate !== null && candidate !== ''))
}

/** The URL when it is absolute http or https, otherwise null. Other URLs are useless or dangerous in a browser. */
function httpUrl(value: string | null): string | null {
  return value !== null && /^https?:$/.test(URL.parse(value)?.protocol ?? '') ? value : null
}

/**
 * Reads a time of 0-0. A number below 1e11 is in seconds, and from 1e12 in milliseconds. A number in
 * between is a copying mistake and gives null (upstream-api 2.3). A string is such a number, or ISO 8601
 * with an offset. Null for any other value.
 */
export function readTimestamp(value: string | number | null): Date | null {
  if (typeof value === 'string' && !/^\d+$/.test(value)) {
    return z.iso.datetime({ offset: true }).safeParse(value).success ? new Date(value) : null
  }
  const time = Number(value)
  if (time <= 0 || (time >= 1e11 && time < 1e12)) return null
  const date = new Date(time < 1e11 ? time * 1000 : time)
  return Number.isNaN(date.getTime()) ? null : date
}
