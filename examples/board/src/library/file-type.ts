import type { AssetType } from '../gql/graphql.ts'

const VIDEO = /\.(mp4|mov)$/i
const AUDIO = /\.(wav|mp3)$/i

/** Returns the media type that the name of a file suggests. Most files are images. */
export function fileTypeOf(url: string): AssetType {
  const path = URL.parse(url)?.pathname ?? ''
  if (VIDEO.test(path)) return 'VIDEO'
  return AUDIO.test(path) ? 'AUDIO' : 'IMAGE'
}

/** Returns the name of the file without its extension, for example `portrait`. */
export function fileNameOf(url: string): string | undefined {
  const last = URL.parse(url)
    ?.pathname.split('/')
    .at(-1)
    ?.replace(/\.\w+$/, '')
  return last ? decoded(last).slice(0, 64) : undefined
}

/** Decodes a part of a URL. A part with a `%` that encodes nothing stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Returns the http and https URLs of a text, one per line. */
export function urlsOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return [...new Set(lines)].filter((line) => /^https?:\/\/\S+$/i.test(line))
}
