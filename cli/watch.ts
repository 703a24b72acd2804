import { usageError } from './cli-error.ts'
import type { ExitCode } from './exit-code.ts'
import { commandOf, interruptible } from './interruption.ts'
import { ping } from './operations.ts'
import type { Output } from './output.ts'
import { request } from './request.ts'
import type { Settings } from './settings.ts'
import type { OnConnection } from './subscribe.ts'
import { watchAsset, watchGroup } from './watch-assets.ts'
import { watchTask } from './watch-task.ts'

/** The options of `watch`. */
export interface WatchOptions {
  /** What the id names; found from the id when left out. */
  kind?: Kind
  /** The platform of a bare id. */
  platform: string
  model?: string
}

/** What can be watched. */
export const KINDS = ['asset', 'group', 'task'] as const
type Kind = (typeof KINDS)[number]

/** Follows an asset, a group or a task to its end. Prints every change, and returns the exit code. */
export async function watch(
  settings: Settings,
  output: Output,
  id: string,
  options: WatchOptions,
): Promise<ExitCode> {
  const kind = options.kind ?? kindOf(id)
  // A service that does not run is an error at once. One that is restarted later is waited for.
  await request(settings, ping)
  const onConnection = tellConnection(output)
  const goOn = () => ({
    text: 'It goes on without this command. Watch it again:',
    command: commandOf('watch', id),
  })
  return interruptible(output, goOn, () => {
    if (kind === 'task') {
      return watchTask(settings, output, {
        id,
        model: options.model,
        print: output.line,
        onConnection,
      })
    }
    const watched = { id, platform: options.platform, onConnection }
    return kind === 'asset'
      ? watchAsset(settings, output, watched)
      : watchGroup(settings, output, watched)
  })
}

/** Returns the function that tells a person about a lost connection. */
export function tellConnection(output: Output): OnConnection {
  return (state, reason = 'Connection lost.') => {
    output.event({ event: 'connection', state })
    output.note(state === 'lost' ? `${reason} Connecting again …` : 'Connected again.')
  }
}

/** Global ids begin with the type, and the ids of 0-0 with a word (upstream-api: group, Asset, cgt). */
function kindOf(id: string): Kind {
  const [, word = ''] = /^(\w+)[-:]/.exec(id) ?? []
  switch (word.toLowerCase()) {
    case 'asset':
      return 'asset'
    case 'assetgroup':
    case 'group':
      return 'group'
    case 'videotask':
    case 'cgt':
    case 'zg':
      return 'task'
    default:
      throw usageError(`The id ${id} does not show its type. Add --kind asset, group or task.`)
  }
}
