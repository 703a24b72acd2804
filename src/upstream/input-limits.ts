import type { InputIssue } from '../model/failure.ts'
import type {
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
  VideoResourceRequest,
} from '../model/requests.ts'
import { limitsOfVideoModel, type VideoModelOptions } from '../model/video-model-limits.ts'

/*
 * Checks of the input limits of 0-0, made before a request is sent. Each check returns all issues at
 * once, with paths as in the GraphQL input, and an empty array for valid input. The size, format and
 * length of media are checked by 0-0 only, because we do not download the files.
 */

/** The longest name of a group or an asset, in Unicode code points (upstream-api 2.1 and 2.2). */
export const MAX_NAME_LENGTH = 64

/** Checks the name and the description of a group (upstream-api 2.1). */
export function checkAssetGroup(request: CreateAssetGroupRequest): InputIssue[] {
  return [...groupIssues(request)]
}

/** Checks the name and the URL of an asset (upstream-api 2.2). */
export function checkAsset(request: CreateAssetRequest): InputIssue[] {
  return [...assetIssues(request)]
}

/**
 * Checks the options (upstream-api 3.1) and the resources (upstream-api 3.2) of a video task. Most
 * limits are known for the Seedance 2.0 models only.
 */
export function checkVideoTask(request: CreateVideoTaskRequest): InputIssue[] {
  return [...videoTaskIssues(request)]
}

type Issues = Iterable<InputIssue>

function* groupIssues({ name, description }: CreateAssetGroupRequest): Issues {
  yield* nameIssues(name)
  if (lengthOf(description ?? '') > 300) {
    yield issue('The description is longer than 300 characters.', 'description')
  }
}

function* assetIssues({ name, url }: CreateAssetRequest): Issues {
  if (name !== undefined) yield* nameIssues(name)
  yield* urlIssues(url, 'url')
}

function* nameIssues(name: string): Issues {
  if (isBlank(name)) yield issue('The name is blank.', 'name')
  if (lengthOf(name) > MAX_NAME_LENGTH) {
    yield issue(`The name is longer than ${MAX_NAME_LENGTH} characters.`, 'name')
  }
}

function* videoTaskIssues(request: CreateVideoTaskRequest): Issues {
  if (isBlank(request.model)) yield issue('The model is blank.', 'model')
  if (isBlank(request.prompt)) yield issue('The prompt is blank.', 'prompt')
  for (const [index, { url }] of request.resources.entries()) {
    if (url !== undefined) yield* urlIssues(url, 'resources', index, 'url')
  }
  const { acceptsAssets, options } = limitsOfVideoModel(request.model)
  yield* durationIssues(request, options?.durations ?? ANY_DURATION)
  if (options) {
    yield* optionIssues(request, options)
    yield* frameIssues(request.resources)
    yield* referenceIssues(request.resources, options)
  }
  if (!acceptsAssets) yield* assetUseIssues(request)
}

/** In seconds. At most one hour, which is longer than any known model allows. */
const ANY_DURATION = { min: 1, max: 3_600 }

function* durationIssues(
  { duration }: CreateVideoTaskRequest,
  { min, max }: VideoModelOptions['durations'],
): Issues {
  if (duration === undefined || duration === -1 || isIntegerIn(duration, min, max)) return
  yield issue(`The duration is neither -1 nor a whole number from ${min} to ${max}.`, 'duration')
}

const MAX_SEED = 2 ** 32 - 1

function* optionIssues(
  { model, resolution, ratio, seed }: CreateVideoTaskRequest,
  { resolutions, ratios }: VideoModelOptions,
): Issues {
  if (resolution !== undefined && !resolutions.includes(resolution)) {
    yield issue(`${model} has the resolutions ${resolutions.join(', ')}.`, 'resolution')
  }
  if (ratio !== undefined && !ratios.includes(ratio)) {
    yield issue(`The ratios are ${ratios.join(', ')}.`, 'ratio')
  }
  if (seed !== undefined && !isIntegerIn(seed, -1, MAX_SEED)) {
    yield issue(`The seed is not a whole number from -1 to ${MAX_SEED}.`, 'seed')
  }
}

/**
 * Frames: at most one FIRST_FRAME and one LAST_FRAME, both images. A LAST_FRAME needs a FIRST_FRAME
 * (upstream-api 3.2).
 */
function* frameIssues(resources: VideoResourceRequest[]): Issues {
  const firstFrame = resources.findIndex(({ role }) => role === 'FIRST_FRAME')
  const lastFrame = resources.findIndex(({ role }) => role === 'LAST_FRAME')
  for (const [index, { role, type }] of resources.entries()) {
    if (role === 'REFERENCE') continue
    if (type !== 'IMAGE') yield issue('A frame must be an IMAGE.', 'resources', index, 'type')
    if (index !== firstFrame && index !== lastFrame) {
      yield issue(`There can be only one ${role}.`, 'resources', index, 'role')
    }
  }
  if (lastFrame !== -1 && firstFrame === -1) {
    yield issue('A LAST_FRAME needs a FIRST_FRAME.', 'resources', lastFrame, 'role')
  }
}

/** The maximum number of resources of a video task (upstream-api 3.2). */
export const MAX_FILES = 12

/** References: not together with frames, limited in number, and not audio only (upstream-api 3.2). */
function* referenceIssues(
  resources: VideoResourceRequest[],
  { maxReferences }: VideoModelOptions,
): Issues {
  const hasFrame = resources.some(({ role }) => role !== 'REFERENCE')
  for (const [index, { role }] of resources.entries()) {
    if (role === 'REFERENCE' && hasFrame) {
      yield issue('A REFERENCE cannot go with frames.', 'resources', index, 'role')
    }
  }

  const references = resources.filter(({ role }) => role === 'REFERENCE')
  for (const [type, limit] of Object.entries(maxReferences)) {
    const count = references.filter((reference) => reference.type === type).length
    if (count > limit) yield issue(`There can be at most ${limit} ${type} references.`, 'resources')
  }
  if (references.length > MAX_FILES) {
    yield issue(`There can be at most ${MAX_FILES} references.`, 'resources')
  }
  if (resources.length > 0 && resources.every(({ type }) => type === 'AUDIO')) {
    yield issue('AUDIO cannot be the only kind of reference.', 'resources')
  }
}

function* assetUseIssues({ model, resources }: CreateVideoTaskRequest): Issues {
  for (const [index, { assetId }] of resources.entries()) {
    if (assetId === undefined) continue
    yield issue(`${model} takes no assets.`, 'resources', index, 'assetId')
  }
}

/** A user name or password in the URL would be visible to everyone who can see the asset. */
function* urlIssues(value: string, ...path: (string | number)[]): Issues {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    yield issue('This is not an http or https URL.', ...path)
  } else if (url.username !== '' || url.password !== '') {
    yield issue('A URL must not contain a user name or a password.', ...path)
  }
}

function issue(message: string, ...path: (string | number)[]): InputIssue {
  return { path: path.map(String), message }
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}

/** The length in Unicode code points, not in UTF-16 code units. */
function lengthOf(text: string): number {
  return Array.from(text).length
}

function isIntegerIn(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}
