import { PLATFORMS, type Platform, type PlatformRef } from '../model.ts'
import { invalidInput } from './failure.ts'

/**
 * Ids as callers give them: a global one (`Asset:JIMENG:Asset-ab12`) or the bare one 0-0 itself uses (`Asset-ab12`).
 */

export type GlobalRef =
  | ({ type: 'AssetGroup' | 'Asset' } & PlatformRef)
  | { type: 'VideoTask'; id: string }

/** The form of an id in a path of 0-0; anything else could lead elsewhere. */
const BARE_ID = /^[A-Za-z0-9_-]{1,128}$/

/** What a global id names, or null when it is none. */
export function parseGlobalId(globalId: string): GlobalRef | null {
  const [type, ...rest] = globalId.split(':')
  if (type === 'VideoTask' && rest.length === 1 && isBareId(rest[0])) return { type, id: rest[0] }
  if ((type === 'AssetGroup' || type === 'Asset') && rest.length === 2) {
    const [platform, id] = rest
    if (isPlatform(platform) && isBareId(id)) return { type, platform, id }
  }
  return null
}

/** The asset or group an id names, or null; `platform` counts for a bare id only. */
export function parsePlatformId(
  type: 'AssetGroup' | 'Asset',
  id: string,
  platform: Platform,
): PlatformRef | null {
  if (isBareId(id)) return { platform, id }
  const ref = parseGlobalId(id)
  return ref?.type === type ? { platform: ref.platform, id: ref.id } : null
}

/** Throws INVALID_INPUT when `id` cannot name an asset or group of that type. */
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

/** Throws INVALID_INPUT when `id` cannot name a video task. */
export function getVideoTaskId(id: string, path: string[] = ['id']): string {
  if (isBareId(id)) return id
  const ref = parseGlobalId(id)
  if (ref?.type !== 'VideoTask') throw invalidInput([{ path, message: notAnId('VideoTask') }])
  return ref.id
}

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
