import type { Platform, PlatformRef } from '../model/entities.ts'
import { invalidInput } from '../model/failure.ts'

/*
 * An id in a request is either a global id (`Asset:JIMENG:Asset-ab12`) or the bare id that 0-0 uses (`Asset-ab12`).
 */

/** A parsed global id. */
type GlobalRef =
  | ({ type: 'AssetGroup' | 'Asset' } & PlatformRef)
  | { type: 'VideoTask'; id: string }

/** The format of an id at 0-0. Ids become part of a URL path, and other characters could change the path. */
const BARE_ID = /^[A-Za-z0-9_-]{1,128}$/

/** Parses a global id. Returns null when it is not one. */
export function parseGlobalId(globalId: string): GlobalRef | null {
  const [type, ...rest] = globalId.split(':')
  if (type === 'VideoTask' && rest.length === 1 && isBareId(rest[0])) return { type, id: rest[0] }
  if ((type === 'AssetGroup' || type === 'Asset') && rest.length === 2) {
    const [platform, id] = rest
    if (isPlatform(platform) && isBareId(id)) return { type, platform, id }
  }
  return null
}

/**
 * Parses the global or bare id of an asset or group. Returns null when it cannot be an id of that type. `platform` is
 * used for a bare id only.
 */
export function parsePlatformId(
  type: 'AssetGroup' | 'Asset',
  id: string,
  platform: Platform,
): PlatformRef | null {
  if (isBareId(id)) return { platform, id }
  const ref = parseGlobalId(id)
  return ref?.type === type ? { platform: ref.platform, id: ref.id } : null
}

/** Like `parsePlatformId`, but throws INVALID_INPUT with `path` instead of returning null. */
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

/** Returns the bare id of a video task. Throws INVALID_INPUT with `path` when it cannot be an id of a video task. */
export function getVideoTaskId(id: string, path: string[] = ['id']): string {
  if (isBareId(id)) return id
  const ref = parseGlobalId(id)
  if (ref?.type !== 'VideoTask') throw invalidInput([{ path, message: notAnId('VideoTask') }])
  return ref.id
}

/** Returns the error message for an id that cannot be an id of that type. */
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
