import type { Runtime } from './gateway-error.ts'

/** The models that the sandbox knows (upstream-api 3.1). */
export const MODELS = ['seedance-2-0', 'seedance-2-0-fast']

const TYPES = ['image', 'video', 'audio'] as const
const ROLES = ['first_frame', 'last_frame', 'reference', 'keyframe', 'source']
const RATIOS = ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive']

/** An input file of a video task, normalised by the rules of upstream-api 3.2. */
export interface Resource {
  type: (typeof TYPES)[number]
  role: string
  /** `value` is an asset id or a URL. It is empty when the request names no source. */
  source: { kind: 'asset' | 'url'; value: string }
  /** The label by which the prompt refers to this file. */
  referenceKey?: string
}

/** A video request as the gateway sends it to the provider (upstream-api 3.1). */
export interface TaskInput {
  prompt: string
  /** Seconds; -1 lets the model choose. */
  duration: number
  /** The resolution without the final "p", e.g. `720`. */
  quality: string
  ratio: string
  needAudio: boolean
  resources: Resource[]
}

type Json = Record<string, unknown>

/**
 * Converts the body of a create to what the provider gets, by the rules of the given runtime
 * (upstream-api 3.1). Never throws: `findInputError` checks the result.
 *
 * `seed` and `watermark` are accepted and dropped, as on the Lingjing route of 0-0.
 */
export function normalizeTaskInput(body: Json, runtime: Runtime): TaskInput {
  const content = listOf(body.content)
  const resources = listOf(body.resources)
  const audio = body.audio ?? body.need_audio ?? body.generate_audio ?? true
  return {
    prompt: textOf(body.prompt) || joinText(content),
    duration: Number(scalarOf(body.duration) ?? 5),
    quality: String(scalarOf(body.quality) ?? scalarOf(body.resolution) ?? '720p').replace(
      /p$/i,
      '',
    ),
    ratio: textOf(body.ratio) || '16:9',
    needAudio: runtime === 'rust' ? audio === true : Boolean(audio),
    resources: normalizeResources(resources.length > 0 ? resources : mediaParts(content), runtime),
  }
}

/**
 * Converts `resources[]` to what the provider gets (upstream-api 3.2). Drops entries of unknown
 * types; under Rust also entries without a source. Never throws.
 */
export function normalizeResources(entries: Json[], runtime: Runtime): Resource[] {
  return entries.flatMap((entry, index) => {
    const typeName = entry.type === undefined ? 'image' : textOf(entry.type).toLowerCase()
    const type = TYPES.find((known) => known === typeName)
    const source = sourceOf(entry)
    if (!type || (source.value === '' && runtime === 'rust')) return []
    const referenceKey = textOf(entry.reference_key ?? entry.referenceKey)
    return [
      { type, role: roleOf(entry, index, type), source, ...(referenceKey && { referenceKey }) },
    ]
  })
}

function roleOf(entry: Json, index: number, type: string): string {
  const role = textOf(entry.usage ?? entry.role)
    .toLowerCase()
    .replace(/^reference_(image|video|audio)$/, 'reference')
  if (ROLES.includes(role)) return role
  return index === 0 && type === 'image' ? 'first_frame' : 'reference'
}

function sourceOf(entry: Json): Resource['source'] {
  const given = entry.source
  if (isObject(given)) {
    return { kind: given.kind === 'asset' ? 'asset' : 'url', value: textOf(given.value) }
  }
  const value = ['url', 'asset_id', 'assetId', 'value']
    .map((key) => textOf(entry[key]))
    .find(Boolean)
  if (value?.startsWith('asset://')) return { kind: 'asset', value: value.slice('asset://'.length) }
  return { kind: value?.startsWith('Asset-') ? 'asset' : 'url', value: value ?? '' }
}

/**
 * Returns why the model rejects this input, as `Code: message`, or null. The rules are those of the
 * model host (upstream-api 3.1 and 3.2); the gateway itself checks none of them.
 */
export function findInputError(model: string, input: TaskInput): string | null {
  const { duration, quality, ratio, resources, prompt } = input
  if (prompt.trim() === '') return 'MissingParameter.prompt'
  if (duration !== -1 && !(Number.isInteger(duration) && duration >= 4 && duration <= 15)) {
    return 'InvalidParameter.duration: 4 to 15 seconds, or -1'
  }
  const qualities = model.endsWith('-fast') ? ['480', '720'] : ['480', '720', '1080']
  if (!qualities.includes(quality)) return `InvalidParameter.resolution: ${quality}p`
  if (!RATIOS.includes(ratio)) return `InvalidParameter.ratio: ${ratio}`

  return findCombinationError(resources)
}

/** First and last frame, or references: the modes exclude each other (upstream-api 3.2). */
function findCombinationError(resources: Resource[]): string | null {
  const count = (role: string) => resources.filter((resource) => resource.role === role).length
  const ofType = (type: string) => resources.filter((resource) => resource.type === type).length
  const frames = count('first_frame') + count('last_frame')
  if (count('first_frame') > 1 || count('last_frame') > 1) {
    return 'InvalidParameter.resources: one first and one last frame at most'
  }
  if (count('last_frame') > count('first_frame')) {
    return 'InvalidParameter.resources: last_frame needs first_frame'
  }
  if (frames > 0 && frames < resources.length) {
    return 'InvalidParameter.resources: frames and references exclude each other'
  }
  if (ofType('image') > 9 || ofType('video') > 3 || ofType('audio') > 3 || resources.length > 12) {
    return 'InvalidParameter.resources: at most 9 images, 3 videos, 3 audios and 12 in all'
  }
  if (resources.length > 0 && ofType('audio') === resources.length) {
    return 'InvalidParameter.resources: audio cannot be the only reference'
  }
  return null
}

/**
 * Estimates the tokens of a clip as the gateway does (upstream-api 3.6). The ratio does not count.
 * A duration of 0 or less counts as 5 s, a quality that is no number as 720.
 */
export function estimateTokens({ duration, quality }: Pick<TaskInput, 'duration' | 'quality'>) {
  const seconds = duration > 0 ? duration : 5
  const height = Number(quality) || 720
  const tokens = Math.max(1, Math.round(seconds * 24 * 907.5 * (height / 720) ** 2))
  return { video_tokens: tokens, completion_tokens: tokens, total_tokens: tokens }
}

/** The text or number, or null for any other value. */
function scalarOf(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

function joinText(content: Json[]): string {
  return content
    .filter((part) => part.type === 'text')
    .map((part) => textOf(part.text))
    .join('\n')
}

/**
 * Converts parts like `{ type: 'image_url', image_url: { url }, role }` to entries of `resources`.
 */
function mediaParts(content: Json[]): Json[] {
  return content.flatMap((part) => {
    const kind = /^(image|video|audio)_url$/.exec(textOf(part.type))
    const media = kind && part[kind[0]]
    return isObject(media) ? [{ type: kind?.[1], role: part.role, url: media.url }] : []
  })
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
