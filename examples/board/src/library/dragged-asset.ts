import type { Source } from '../form/form-values.ts'
import { fileTypeOf, urlsOf } from './file-type.ts'

const FORMAT = 'application/x-zerograph-asset'

/** Puts an asset into a drag. */
export function writeDraggedAsset(data: DataTransfer, asset: Source): void {
  data.setData(FORMAT, JSON.stringify(asset))
  data.effectAllowed = 'copy'
}

/** Returns the asset or the URL that was dropped, or null when it is something else. */
export function readDraggedSource(data: DataTransfer): Source | null {
  const asset = data.getData(FORMAT)
  if (asset !== '') return JSON.parse(asset)
  const [url] = urlsOf(data.getData('text/uri-list') || data.getData('text/plain'))
  return url === undefined ? null : { kind: 'url', url, type: fileTypeOf(url) }
}
