import type { ErrorShape } from './reply.ts'

export const MODELS = ['seedance-2-0', 'seedance-2-0-fast']

const TYPES = ['image', 'video', 'audio'] as const
const ROLES = ['first_frame', 'last_frame', 'reference', 'keyframe', 'source']
const RATIOS = ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive']

export interface Resource {
  type: (typeof TYPES)[number]
  role: string
  source: { kind: 'asset' | 'url'; value: string }
  referenceKey?: string
}

/** A video request as the gateway hands it to the provider. */
export interface TaskInput {
  prompt: string
  /** Seconds; -1 lets the model choose. */
  duration: number
  /** The resolution without its "p". */
  quality: string
  ratio: string
  needAudio: boolean
  resources: Resource[]
}

type Json = Record<string, unknown>

/** `seed` and `watermark` are accepted and dropped, as on this route of 0-0. */
export function normalizeTaskInput(body: Json, shape: ErrorShape): TaskInput {
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
    needAudio: shape === 'rust' ? audio === true : Boolean(audio),
    resources: normalizeResources(resources.length > 0 ? resources : mediaParts(content), shape),
  }
}

export function normalizeResources(entries: Json[], shape: ErrorShape): Resource[] {
  return entries.flatMap((entry, index) => {
    const named = entry.type === undefined ? 'image' : textOf(entry.type).toLowerCase()
    const type = TYPES.find((known) => known === named)
    const source = sourceOf(entry)
    if (!type || (source.value === '' && shape === 'rust')) return []
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

/** Why the model would not take this input, or null. The gateway itself checks none of this. */
export function findInputProblem(model: string, input: TaskInput): string | null {
  const { duration, quality, ratio, resources, prompt } = input
  if (prompt.trim() === '') return 'MissingParameter.prompt'
  if (duration !== -1 && !(Number.isInteger(duration) && duration >= 4 && duration <= 15)) {
    return 'InvalidParameter.duration: 4 to 15 seconds, or -1'
  }
  const qualities = model.endsWith('-fast') ? ['480', '720'] : ['480', '720', '1080']
  if (!qualities.includes(quality)) return `InvalidParameter.resolution: ${quality}p`
  if (!RATIOS.includes(ratio)) return `InvalidParameter.ratio: ${ratio}`

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

/** The gateway's estimate; it ignores the ratio. */
export function estimateTokens({ duration, quality }: Pick<TaskInput, 'duration' | 'quality'>) {
  const seconds = duration > 0 ? duration : 5
  const height = Number(quality) || 720
  const tokens = Math.max(1, Math.round(seconds * 24 * 907.5 * (height / 720) ** 2))
  return { video_tokens: tokens, completion_tokens: tokens, total_tokens: tokens }
}

/** Null for what is neither text nor a number, such as an object. */
function scalarOf(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

function joinText(content: Json[]): string {
  return content
    .filter((part) => part.type === 'text')
    .map((part) => textOf(part.text))
    .join('\n')
}

/** `{ type: 'image_url', image_url: { url }, role }` as the resource it stands for. */
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
