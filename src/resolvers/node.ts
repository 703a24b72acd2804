import { type Asset, findAssetByRef } from './asset.ts'
import { type AssetGroup, findAssetGroupByRef } from './asset-group.ts'
import type { Context } from './context.ts'
import { invalidInput } from './failure.ts'
import { parseGlobalId } from './ids.ts'
import { findVideoTask, type VideoTask } from './video-task.ts'

export type Node = AssetGroup | Asset | VideoTask

const MAX_NODES = 100

/** What a global id names, or null when 0-0 does not know it. Throws INVALID_INPUT for any other id. */
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

/** One answer for each id; one that fails does not fail the others. */
export function findNodes(ids: readonly string[], context: Context): Promise<Node | null>[] {
  if (ids.length <= MAX_NODES) return ids.map((id) => findNode(id, context))
  throw invalidInput([{ path: ['ids'], message: `At most ${MAX_NODES} ids.` }])
}
