import type { AssetType, CreateVideoTaskInput, ResourceRole } from '../gql/graphql.ts'

/** A file of the video: an asset, or the URL of a file that is not registered yet. */
export type Source =
  | { kind: 'asset'; id: string; type: AssetType }
  | { kind: 'url'; url: string; type: AssetType }

/** Returns what identifies a file: its asset id or its URL. */
export function idOf(source: Source): string {
  return source.kind === 'asset' ? source.id : source.url
}

/** What the form contains. Null: the default of the model. */
export interface FormValues {
  prompt: string
  firstFrame: Source | null
  lastFrame: Source | null
  references: Source[]
  model: string
  duration: number | null
  resolution: string | null
  ratio: string | null
  audio: boolean
}

export const EMPTY_FORM: FormValues = {
  prompt: '',
  firstFrame: null,
  lastFrame: null,
  references: [],
  model: 'seedance-2-0',
  duration: null,
  resolution: null,
  ratio: null,
  audio: false,
}

/** A file with its role. Issues name it by its position in the list of all files. */
export interface RoleSource {
  role: ResourceRole
  source: Source
}

/** Returns the files in the order in which they are sent. */
export function sourcesOf({ firstFrame, lastFrame, references }: FormValues): RoleSource[] {
  return [
    ...(firstFrame ? [{ role: 'FIRST_FRAME' as const, source: firstFrame }] : []),
    ...(lastFrame ? [{ role: 'LAST_FRAME' as const, source: lastFrame }] : []),
    ...references.map((source) => ({ role: 'REFERENCE' as const, source })),
  ]
}

/** Returns the options that both creates have. */
export function optionsOf(values: FormValues) {
  const { prompt, model, duration, resolution, ratio, audio } = values
  return { prompt: prompt.trim(), model, duration, resolution, ratio, audio }
}

/** Returns the input of `createVideoTask` and of its preview. */
export function taskInputOf(values: FormValues): CreateVideoTaskInput {
  const sources = sourcesOf(values)
  return {
    ...optionsOf(values),
    // Without assets there is nothing to wait for, and the answer says at once whether 0-0 took it.
    waitForAssets: sources.some(({ source }) => source.kind === 'asset'),
    resources: sources.map(({ role, source }) => ({
      role,
      type: source.type,
      platform: 'JIMENG',
      ...(source.kind === 'asset' ? { assetId: source.id } : { url: source.url }),
    })),
  }
}
