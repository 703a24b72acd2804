import './scalars.ts'
import './asset-group.ts'
import './asset.ts'
import './video-task.ts'
import './node.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema({ sortSchema: false })
