import type { Platform, PlatformRef } from '../model/entities.ts'
import { invalidInput } from '../model/failure.ts'

/*
 * Callers give either a global id (`Asset:JIMENG:Asset-ab12`) or the bare id that 0-0 uses (`Asset-ab12`).
 */

/** What a global id names. */
export type GlobalRef =
  | ({ type: 'AssetGroup' | 'Asset' } & PlatformRef)
  | { type: 'VideoTask'; id: string }

/** The form of an id in a path of 0-0. Any other text could change the path. */
const BARE_ID = /^[A-Za-z0-9_-]{1,128}$/

/** What a global id names, or null when it is not a global id. */
export function parseGlobalId(globalId: string): GlobalRef | null {
  const [type, ...rest] = globalId.split(':')
  if (type === 'VideoTask' && rest.length === 1 && isBareId(rest[0])) return { type, id: rest[0] }
  if ((type === 'AssetGroup' || type === 'Asset') && rest.length === 2) {
    const [platform, id] = rest
    if (isPlatform(platform) && isBareId(id)) return { type, platform, id }
  }
  return null
}

/** The asset or group that an id names, or null when it names none. `platform` is used for a bare id only. */
export function parsePlatformId(
  type: 'AssetGroup' | 'Asset',
  id: string,
  platform: Platform,
): PlatformRef | null {
  if (isBareId(id)) return { platform, id }
  const ref = parseGlobalId(id)
  return ref?.type === type ? { platform: ref.platform, id: ref.id } : null
}

/** As `parsePlatformId`. Throws INVALID_INPUT, with `path`, when the id cannot name an entity of that type. */
export function getPlatformId(
  type: 'AssetGroup' | 'Asset',
  id: string,
  platform: Platform,
  path: string[] = ['id'],
): PlatformRef {
  const ref = parsePlatformId(type, id, platform)
  if (!ref) throw invalidInput([{ path, message: notAnId(type) }])
  return ref
}

/** The bare id of a video task. Throws INVALID_INPUT, with `path`, when the id cannot name a video task. */
export function getVideoTaskId(id: string, path: string[] = ['id']): string {
  if (isBareId(id)) return id
  const ref = parseGlobalId(id)
  if (ref?.type !== 'VideoTask') throw invalidInput([{ path, message: notAnId('VideoTask') }])
  return ref.id
}

/** The message for an id that cannot name an entity of that type. */
export function notAnId(type: GlobalRef['type']): string {
  const example = type === 'VideoTask' ? 'VideoTask:cgt-ab12' : `${type}:JIMENG:…`
  return `Not an id of type ${type}. Give "${example}", or the id 0-0 uses: up to 128 letters, digits, "-" and "_".`
}

function isBareId(id: string | undefined): id is string {
  return id !== undefined && BARE_ID.test(id)
}

function isPlatform(word: string | undefined): word is Platform {
  return PLATFORMS.some((platform) => platform === word)
}

const PLATFORMS: Platform[] = ['JIMENG', 'BYTEPLUS']
