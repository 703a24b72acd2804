import { randomUUID } from 'node:crypto'
import type { Entity } from '../ledger/entity.ts'
import type { Page, PageRequest } from '../ledger/page.ts'
import {
  type AssetType,
  type CreateVideoTaskRequest,
  type InputIssue,
  keyOf,
  type Platform,
  type PlatformRef,
  type ResourceRole,
  type VideoResourceRequest,
  type VideoTaskSnapshot,
  type VideoTaskStatus,
} from '../model.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import { checkVideoTask, MAX_FILES } from '../upstream/limits.ts'
import { estimateVideoTokens } from '../upstream/usage.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { type CreateFailure, invalidInput, orFailure, RequestError } from './failure.ts'
import { checkIdempotencyKey } from './idempotency-key.ts'
import { getVideoTaskId, notAnId, parsePlatformId } from './ids.ts'
import { nullIfNotFound, unlessAway } from './null-if-not-found.ts'
import { listOf } from './page.ts'
import { withDefaults } from './video-task-defaults.ts'

export interface VideoTask extends Omit<VideoTaskSnapshot, 'taskId' | 'model'> {
  /** Final from the first moment on; `taskId` is null until 0-0 has accepted the task. */
  id: string
  taskId: string | null
  model: string
  prompt: string | null
  duration: number | null
  resolution: string | null
  ratio: string | null
  resources: VideoResourceRequest[]
}

export interface VideoResourceInput {
  type: AssetType
  role: ResourceRole
  /** Global or bare. */
  assetId?: string | undefined
  platform: Platform
  url?: string | undefined
}

export interface CreateVideoTaskInput extends Omit<CreateVideoTaskRequest, 'resources'> {
  resources: readonly VideoResourceInput[]
  waitForAssets: boolean
  idempotencyKey?: string | undefined
}

/** The failure a video task alone may answer with: assets it refers to that are not ACTIVE. */
export interface AssetsNotReady {
  code: 'ASSETS_NOT_READY'
  message: string
  retryable: boolean
  assets: Asset[]
}

export interface VideoTaskPreview {
  submittable: boolean
  issues: InputIssue[]
  pendingAssets: Asset[]
  estimatedVideoTokens: number
}

export function videoTaskOf({
  key,
  snapshot,
  origin,
  pollingEndedReason,
}: Entity<'videoTask'>): VideoTask {
  const request = origin?.request
  return {
    ...snapshot,
    id: key,
    model: origin?.model ?? snapshot.model ?? UNKNOWN_MODEL,
    prompt: request?.prompt ?? null,
    duration: request?.duration ?? null,
    resolution: request?.resolution ?? null,
    ratio: request?.ratio ?? null,
    resources: request?.resources ?? [],
    failureReason: snapshot.failureReason ?? pollingEndedReason,
  }
}

/** For a task of which neither 0-0 nor its caller said the model. */
const UNKNOWN_MODEL = 'unknown'

/**
 * The task, or null when nobody knows it; any other failure throws.
 * What settled here is still known when 0-0 has forgotten it, which it does after days.
 */
export async function findVideoTask(
  id: string,
  model: string | null,
  { caller, loaders, ledger }: Context,
): Promise<VideoTask | null> {
  const key = getVideoTaskId(id)
  const { tenant } = caller()
  const known = await ledger.find({ tenant, kind: 'videoTask', key }).catch(unlessAway)
  if (known && known.snapshot.taskId === null) return videoTaskOf(known)
  const ref = {
    key: known?.key ?? key,
    taskId: known?.snapshot.taskId ?? key,
    model: known?.origin?.model ?? model ?? known?.snapshot.model ?? null,
  }
  const read = await nullIfNotFound(loaders.videoTask.load(ref))
  const task = read ?? (known?.pollingEnded ? known : null)
  return task && videoTaskOf(task)
}

/** The asset a video was made with; null when it was made with a URL. */
export async function findResourceAsset(
  { assetId, platform }: VideoResourceRequest,
  { loaders }: Context,
): Promise<Asset | null> {
  return assetId === undefined ? null : assetOf(await loaders.asset.load({ platform, id: assetId }))
}

/** The tasks registered here, newest first. */
export async function listVideoTasks(
  filter: { status?: VideoTaskStatus | null | undefined },
  request: PageRequest,
  context: Context,
): Promise<Page<VideoTask>> {
  return listOf('videoTask', filter, request, videoTaskOf, context)
}

/**
 * Sends the task to 0-0 once the whole input is checked and every asset it names is ACTIVE; or, told to wait for them,
 * accepts it now and leaves it to the tracker to send it then.
 */
export async function createVideoTask(
  input: CreateVideoTaskInput,
  context: Context,
): Promise<VideoTask | AssetsNotReady | CreateFailure> {
  context.caller()
  const { idempotencyKey, waitForAssets } = input
  const { request, issues } = checkInput(input, context)
  const send = waitForAssets ? accept : submit
  try {
    return await orFailure(async () => {
      if (issues.length > 0) throw invalidInput(issues)
      const complete = withDefaults(request)
      const created = await createOnce(
        {
          kind: 'videoTask',
          request: { ...request, waitForAssets },
          idempotencyKey,
          origin: { model: request.model, request: complete },
          send: (call) => send(complete, call, context),
        },
        context,
      )
      return videoTaskOf(created)
    })
  } catch (error) {
    if (error instanceof NotReady) return error.failure
    throw error
  }
}

async function submit(request: CreateVideoTaskRequest, call: UpstreamCall, context: Context) {
  const references = await readUsable(request, context)
  refuseNotReady(assetsOf(references, ({ status }) => status !== 'ACTIVE'))
  const snapshot = await context.upstream.createVideoTask(request, call)
  return { key: snapshot.taskId, snapshot }
}

/** The assets are registered too, so that they are polled and the task is told when they have settled. */
async function accept(request: CreateVideoTaskRequest, _call: UpstreamCall, context: Context) {
  const caller = context.caller()
  const references = await readUsable(request, context)
  refuseNotReady(assetsOf(references, ({ status }) => status === 'FAILED'))
  const assets = new Map(references.map(({ asset }) => [asset.key, asset]))
  const registering = [...assets.values()].map((asset) => {
    const address = { tenant: caller.tenant, kind: 'asset', key: asset.key } as const
    return context.reads.registered(address, caller, async () => asset)
  })
  await Promise.all(registering)
  return { key: `zg-${randomUUID().replaceAll('-', '')}`, snapshot: waitingTask(request) }
}

function waitingTask({ model }: CreateVideoTaskRequest): VideoTaskSnapshot {
  return {
    taskId: null,
    model,
    provider: null,
    status: 'WAITING_FOR_ASSETS',
    rawStatus: null,
    progress: null,
    video: null,
    usage: null,
    failureReason: null,
    createdAt: new Date(),
    updatedAt: null,
  }
}

/** What `createVideoTask` would do with this input. Reads what it must, sends nothing that costs. */
export async function previewVideoTask(
  input: CreateVideoTaskInput,
  context: Context,
): Promise<VideoTaskPreview> {
  context.caller()
  const { request, issues } = checkInput(input, context)
  // More than any model takes is an issue already, and not worth as many reads.
  const isReadable = request.resources.length <= MAX_FILES
  const references = isReadable ? await readReferences(request, context) : []
  issues.push(...missingIssues(references), ...typeIssues(references), ...failedIssues(references))
  const pendingAssets = assetsOf(
    references,
    ({ status }) => status !== 'ACTIVE' && status !== 'FAILED',
  )
  return {
    submittable: issues.length + pendingAssets.length === 0,
    issues,
    pendingAssets,
    estimatedVideoTokens: estimateVideoTokens(request),
  }
}

/** The request for 0-0 and everything wrong with the input; meant to be sent only when nothing is. */
function checkInput(
  input: CreateVideoTaskInput,
  { caller }: Context,
): {
  request: CreateVideoTaskRequest
  issues: InputIssue[]
} {
  const { waitForAssets: _, idempotencyKey, resources, ...rest } = input
  const issues = checkIdempotencyKey(idempotencyKey)
  if (rest.providerOptions && caller().isShared) {
    // They reach the provider unread, where one could name what is another tenant's.
    const message = 'Not taken where tenants share a key.'
    issues.push({ path: ['providerOptions'], message })
  }
  const checked = resources.map((resource, index) => {
    const { request, issue } = checkResource(resource)
    if (issue) issues.push({ ...issue, path: ['resources', String(index), ...issue.path] })
    return request
  })
  const request = { ...rest, resources: checked }
  return { request, issues: [...issues, ...checkVideoTask(request)] }
}

function checkResource({ type, role, assetId, platform, url }: VideoResourceInput): {
  request: VideoResourceRequest
  issue?: InputIssue
} {
  // Stands in for a source that is missing or wrong, so that the other rules can still be checked.
  const placeholder = { type, role, url: 'https://placeholder.invalid/' }
  if (assetId !== undefined && url !== undefined) {
    const message = 'Give either assetId or url, not both.'
    return { request: placeholder, issue: { path: ['url'], message } }
  }
  if (url !== undefined) return { request: { type, role, url } }
  if (assetId === undefined) {
    const message = 'Give an assetId or a url.'
    return { request: placeholder, issue: { path: ['assetId'], message } }
  }
  const ref = parsePlatformId('Asset', assetId, platform)
  if (!ref) {
    return { request: placeholder, issue: { path: ['assetId'], message: notAnId('Asset') } }
  }
  return { request: { type, role, assetId: ref.id, platform: ref.platform } }
}

/** The assets the request names. Throws when one is unknown, or is not what it is used as. */
async function readUsable(
  request: CreateVideoTaskRequest,
  context: Context,
): Promise<KnownReference[]> {
  const references = await readReferences(request, context)
  const [missing] = missingIssues(references)
  if (missing) {
    throw new RequestError({ code: 'NOT_FOUND', message: missing.message, retryable: false })
  }
  const issues = typeIssues(references)
  if (issues.length > 0) throw invalidInput(issues)
  return references.filter(isKnown)
}

interface Reference {
  /** Of the resource in the input. */
  path: string[]
  /** What the resource says the asset is. */
  type: AssetType
  ref: PlatformRef
  /** Null when 0-0 does not know it. */
  asset: Entity<'asset'> | null
}

type KnownReference = Reference & { asset: Entity<'asset'> }

function isKnown(reference: Reference): reference is KnownReference {
  return reference.asset !== null
}

/** Every asset the request names: from the ledger when that knows it to be ACTIVE, else from 0-0. */
async function readReferences(
  { resources }: CreateVideoTaskRequest,
  { caller, loaders, ledger }: Context,
): Promise<Reference[]> {
  const { tenant } = caller()
  const reading = resources.map(async ({ type, assetId, platform }, index) => {
    if (assetId === undefined) return []
    const ref = { platform, id: assetId }
    const known = await ledger.find({ tenant, kind: 'asset', key: keyOf(ref) })
    const asset =
      known?.snapshot.status === 'ACTIVE' ? known : await nullIfNotFound(loaders.asset.load(ref))
    return [{ path: ['resources', String(index)], type, ref, asset }]
  })
  return (await Promise.all(reading)).flat()
}

/** Each asset once, however often it is named. */
function assetsOf(references: Reference[], isWanted: (asset: Asset) => boolean): Asset[] {
  const assets = new Map(references.filter(isKnown).map(({ asset }) => [asset.key, assetOf(asset)]))
  return [...assets.values()].filter(isWanted)
}

function missingIssues(references: Reference[]): InputIssue[] {
  return references
    .filter(({ asset }) => asset === null)
    .map(({ path, ref: { platform, id } }) => ({
      path: [...path, 'assetId'],
      message: `0-0 knows no asset ${id} on ${platform}.`,
    }))
}

/** 0-0 would take the task, and fail it once it is paid for. */
function typeIssues(references: Reference[]): InputIssue[] {
  return references.filter(isKnown).flatMap(({ path, type, asset: { snapshot } }) => {
    if (snapshot.type === null || snapshot.type === type) return []
    const message = `The asset ${snapshot.assetId} is of type ${snapshot.type}.`
    return [{ path: [...path, 'type'], message }]
  })
}

/** A failed asset never becomes ACTIVE, so waiting for it does not help. */
function failedIssues(references: Reference[]): InputIssue[] {
  return references.filter(isKnown).flatMap(({ path, asset }) => {
    const { assetId, status, failureReason } = assetOf(asset)
    if (status !== 'FAILED') return []
    const reason = failureReason === null ? '' : `: ${failureReason}`
    return [{ path: [...path, 'assetId'], message: `The asset ${assetId} has failed${reason}.` }]
  })
}

/** Refuses before anything is sent; its own class, since only the creation of a task can fail so. */
class NotReady extends Error {
  override readonly name = 'NotReady'
  readonly failure: AssetsNotReady
  constructor(failure: AssetsNotReady) {
    super(failure.message)
    this.failure = failure
  }
}

function refuseNotReady(assets: Asset[]): void {
  if (assets.length === 0) return
  const states = assets.map(({ assetId, status }) => `${assetId} is ${status}`)
  throw new NotReady({
    code: 'ASSETS_NOT_READY',
    message: `Every referenced asset must be ACTIVE: ${states.join(', ')}.`,
    retryable: assets.every(({ status }) => status !== 'FAILED'),
    assets,
  })
}
