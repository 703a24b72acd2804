import type { Asset } from './asset.ts'

/** The failure of a video task that refers to assets which are not ACTIVE. */
export interface AssetsNotReady {
  code: 'ASSETS_NOT_READY'
  message: string
  retryable: boolean
  assets: Asset[]
}

/** Returns the result of `create`, or AssetsNotReady when `refuseNotReady` was called with assets. */
export async function orNotReady<T>(create: () => Promise<T>): Promise<T | AssetsNotReady> {
  try {
    return await create()
  } catch (error) {
    if (error instanceof AssetsNotReadyError) return error.result
    throw error
  }
}

/** Refuses a video task before anything is sent, unless `assets` is empty. `assets` are those that prevent the task. */
export function refuseNotReady(assets: Asset[]): void {
  if (assets.length === 0) return
  const states = assets.map(({ assetId, status }) => `${assetId} is ${status}`)
  throw new AssetsNotReadyError({
    code: 'ASSETS_NOT_READY',
    message: `Every referenced asset must be ACTIVE: ${states.join(', ')}.`,
    retryable: assets.every(({ status }) => status !== 'FAILED'),
    assets,
  })
}

/** Not a RequestError, because this failure is a result of these creates only. */
class AssetsNotReadyError extends Error {
  override readonly name = 'AssetsNotReadyError'
  readonly result: AssetsNotReady
  constructor(result: AssetsNotReady) {
    super(result.message)
    this.result = result
  }
}
