import { usageError } from './cli-error.ts'

/** An input file of a video, as `createVideoFromUrls` takes it. */
export interface VideoFile {
  url: string
  type: 'IMAGE' | 'VIDEO' | 'AUDIO'
  role: 'FIRST_FRAME' | 'LAST_FRAME' | 'REFERENCE'
  name?: string
}

/** The options that name files: each a URL, or `name=URL`. */
export interface FileOptions {
  image?: string[]
  video?: string[]
  audio?: string[]
  reference?: string[]
  firstFrame?: string
  lastFrame?: string
}

/**
 * Returns the files of the options with their roles.
 *
 * One `--image` is the first frame, and two are the first and the last frame. More images, and images together with
 * another file option, are references, because the service does not accept frames and references together.
 */
export function readVideoFiles(options: FileOptions): VideoFile[] {
  const { image = [], video = [], audio = [], reference = [], firstFrame, lastFrame } = options
  const isAlone = [...video, ...audio, ...reference, firstFrame, lastFrame].every((file) => !file)
  const isFrames = isAlone && image.length <= 2
  const imageRole = (index: number) => (index === 0 ? 'FIRST_FRAME' : 'LAST_FRAME')
  return [
    ...(firstFrame === undefined ? [] : [fileOf(firstFrame, 'IMAGE', 'FIRST_FRAME')]),
    ...(lastFrame === undefined ? [] : [fileOf(lastFrame, 'IMAGE', 'LAST_FRAME')]),
    ...image.map((text, index) => fileOf(text, 'IMAGE', isFrames ? imageRole(index) : 'REFERENCE')),
    ...reference.map((text) => fileOf(text, 'IMAGE', 'REFERENCE')),
    ...video.map((text) => fileOf(text, 'VIDEO', 'REFERENCE')),
    ...audio.map((text) => fileOf(text, 'AUDIO', 'REFERENCE')),
  ]
}

/** A name has no `:` and no `/`, so that a `=` in a URL does not end a name. */
const NAMED = /^([^=:/?]+)=(.*)$/s

function fileOf(text: string, type: VideoFile['type'], role: VideoFile['role']): VideoFile {
  const [, name, url = text] = NAMED.exec(text) ?? []
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw usageError(`Not an http or https URL: ${url}. Give URL or name=URL.`)
  }
  return { url, type, role, ...(name !== undefined && { name }) }
}
