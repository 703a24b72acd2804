import { invalidInput } from '../model/failure.ts'
import { type Asset, findAssetByRef } from './asset.ts'
import { type AssetGroup, findAssetGroupByRef } from './asset-group.ts'
import type { Context } from './context.ts'
import { parseGlobalId } from './ids.ts'
import { findVideoTask, type VideoTask } from './video-task.ts'

/** An entity with a global id. */
export type Node = AssetGroup | Asset | VideoTask

const MAX_NODES = 100

/** Returns the entity with this global id, or null when 0-0 does not know it. Throws INVALID_INPUT for another id. */
export async function findNode(globalId: string, context: Context): Promise<Node | null> {
  const ref = parseGlobalId(globalId)
  switch (ref?.type) {
    case 'AssetGroup':
      return findAssetGroupByRef(ref, context)
    case 'Asset':
      return findAssetByRef(ref, context)
    case 'VideoTask':
      return findVideoTask(ref.id, null, context)
    default:
      throw invalidInput([{ path: ['id'], message: 'Not a global id, such as "Asset:JIMENG:…".' }])
  }
}

/** Returns one promise per id, as `findNode`. Throws INVALID_INPUT for more than 100 ids. */
export function findNodes(ids: readonly string[], context: Context): Promise<Node | null>[] {
  if (ids.length <= MAX_NODES) return ids.map((id) => findNode(id, context))
  throw invalidInput([{ path: ['ids'], message: `At most ${MAX_NODES} ids.` }])
}
