import type { Source } from '../form/form-values.ts'
import type { AssetType } from '../gql/graphql.ts'
import { fileTypeOf, urlsOf } from './file-type.ts'

const FORMAT = 'application/x-zerograph-asset'

/** Puts an asset into a drag. */
export function writeDraggedAsset(data: DataTransfer, id: string, type: AssetType): void {
  data.setData(FORMAT, `${type} ${id}`)
  data.effectAllowed = 'copy'
}

/** Returns the asset or the URL that was dropped, or null when it is something else. */
export function readDraggedSource(data: DataTransfer): Source | null {
  const [type, id] = data.getData(FORMAT).split(' ')
  // Other pages can write this format too, so nothing is taken as it is.
  if (id && (type === 'IMAGE' || type === 'VIDEO' || type === 'AUDIO')) {
    return { kind: 'asset', id, type }
  }
  const [url] = urlsOf(data.getData('text/uri-list') || data.getData('text/plain'))
  return url === undefined ? null : { kind: 'url', url, type: fileTypeOf(url) }
}
