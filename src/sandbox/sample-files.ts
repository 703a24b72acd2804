/** The files in `samples/`: name, `asset_type`, and the status that an asset made of it gets. */
export const SAMPLE_FILES = [
  ['portrait.png', 'Image', 'Active'],
  ['landscape.jpg', 'Image', 'Active'],
  ['product.webp', 'Image', 'Active'],
  ['clip.mp4', 'Video', 'Active'],
  ['chime.wav', 'Audio', 'Active'],
  ['too-small.png', 'Image', 'Failed (WidthTooSmall)'],
] as const

/** A sample of a running sandbox. */
export interface Sample {
  name: string
  url: string
  type: 'IMAGE' | 'VIDEO' | 'AUDIO'
  /** Whether an asset made of it fails. */
  fails: boolean
}

const TYPES = { Image: 'IMAGE', Video: 'VIDEO', Audio: 'AUDIO' } as const

/** Returns the samples of the sandbox at `url`. */
export function samplesAt(url: string): Sample[] {
  return SAMPLE_FILES.map(([file, type, outcome]) => ({
    name: file.replace(/\.\w+$/, ''),
    url: `${url}/samples/${file}`,
    type: TYPES[type],
    fails: outcome !== 'Active',
  }))
}
