import './scalars.ts'
import './asset-group.ts'
import './asset.ts'
import './asset-status-changed.ts'
import './video-task.ts'
import './preview-video-task.ts'
import './create-video-task.ts'
import './usage-summary.ts'
import './video-task-status-changed.ts'
import './node.ts'
import { builder } from './builder.ts'

/** The executable schema of the service. */
export const schema = builder.toSchema({ sortSchema: false })
