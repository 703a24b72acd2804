import { CliError } from './cli-error.ts'
import { EXIT_CODE, type ExitCode } from './exit-code.ts'
import { type AssetChange, followAsset, followGroup, readGroup } from './operations.ts'
import type { Output } from './output.ts'
import { request } from './request.ts'
import type { Settings } from './settings.ts'
import { assetName, status, time } from './show.ts'
import { type OnConnection, subscribe } from './subscribe.ts'

/** Which asset or group is watched. */
export interface WatchAssetsOptions {
  id: string
  /** The platform of a bare id. */
  platform: string
  onConnection: OnConnection
}

/** Follows an asset until it is ACTIVE or FAILED, and returns the exit code. */
export async function watchAsset(
  settings: Settings,
  output: Output,
  { onConnection, ...variables }: WatchAssetsOptions,
): Promise<ExitCode> {
  const assets = trackAssets(output)
  for await (const change of subscribe(settings, followAsset, variables, onConnection)) {
    assets.add(change)
  }
  return assets.finish()
}

/** Follows the assets of a group until all are ACTIVE or FAILED, and returns the exit code. */
export async function watchGroup(
  settings: Settings,
  output: Output,
  { onConnection, ...variables }: WatchAssetsOptions,
): Promise<ExitCode> {
  const { assetGroup } = await request(settings, readGroup, variables)
  if (assetGroup === null) throw unknownId(variables.id)
  const { totalCount } = assetGroup.assets
  const assets = trackAssets(output)
  if (totalCount === 0) output.note('The group has no assets that are registered here.')
  else {
    // The subscription of a group does not complete, because assets can be added later.
    for await (const change of subscribe(settings, followGroup, variables, onConnection)) {
      assets.add(change)
      if (assets.count() >= totalCount && assets.areEnded()) break
    }
  }
  return assets.finish()
}

/** Creates the error for an id that 0-0 does not know. */
export function unknownId(id: string): CliError {
  return new CliError(`Nothing with the id ${id} is known with this key.`, {
    code: 'NOT_FOUND',
    exitCode: EXIT_CODE.failed,
    hint: 'Check the id, the key, and --platform.',
  })
}

/** The last known state of each watched asset. Prints every change of a status once. */
function trackAssets(output: Output) {
  const last = new Map<string, AssetChange>()
  return {
    add(change: AssetChange) {
      const { asset, current, observedAt } = change
      const before = last.get(asset.id)
      last.set(asset.id, change)
      // After a reconnect the current status comes again.
      if (before?.current === current && change.previous === null) return
      output.line(lineOf(change, before?.current))
      output.event({
        event: 'asset',
        at: observedAt,
        previous: before?.current ?? null,
        current,
        asset,
      })
    },
    count: () => last.size,
    areEnded: () => [...last.values()].every(hasEnded),
    finish() {
      const assets = [...last.values()].map(({ asset }) => asset)
      const exitCode = worst([...last.values()].map(({ current }) => exitCodeOf(current)))
      output.event({ event: 'result', exitCode, assets })
      if (exitCode === EXIT_CODE.unknown) {
        output.note('The service stopped following an asset before it was ACTIVE or FAILED.')
      }
      return exitCode
    },
  }
}

function lineOf({ asset, current, observedAt }: AssetChange, before: string | undefined): string {
  const change = before === undefined ? status(current) : `${before} → ${status(current)}`
  const reason = asset.failureReason === null ? '' : `  ${asset.failureReason}`
  return `${time(observedAt)}  ${change}  ${assetName(asset)}${reason}`
}

/** An event without a change of status says that polling ended. */
function hasEnded({ previous, current }: AssetChange): boolean {
  return exitCodeOf(current) !== EXIT_CODE.unknown || previous === current
}

function exitCodeOf(current: string): ExitCode {
  if (current === 'ACTIVE') return EXIT_CODE.done
  return current === 'FAILED' ? EXIT_CODE.failed : EXIT_CODE.unknown
}

/** A failure is certain, so it comes before an outcome that is not known. */
function worst(codes: ExitCode[]): ExitCode {
  const order = [EXIT_CODE.failed, EXIT_CODE.unknown]
  return order.find((code) => codes.includes(code)) ?? EXIT_CODE.done
}
