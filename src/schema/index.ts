import './scalars.ts'
import './asset-group.ts'
import './asset.ts'
import './asset-status-changed.ts'
import './video-task.ts'
import './preview-video-task.ts'
import './create-video-task.ts'
import './create-video-from-urls.ts'
import './cancel-video-task.ts'
import './usage-summary.ts'
import './video-task-status-changed.ts'
import './changes.ts'
import './video-task-timeline.ts'
import './node.ts'
import './error-code-info.ts'
import './video-model.ts'
import { builder } from './builder.ts'

/** The executable schema of the service. */
export const schema = builder.toSchema({ sortSchema: false })
// toSchema has no option for it.
schema.description =
  'Video generation with 0-0: groups of assets, assets and video tasks. Send `Authorization: Bearer <key>`, over a WebSocket in the payload of `connection_init`. Creates return the created entity or a type that implements `Error`. Every other error has its code, a hint and a link into the docs in `extensions`. Example: `{ models { id } }`.'
