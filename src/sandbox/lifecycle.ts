import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { fetchMedia } from './fetch-media.ts'
import { assertWithinLimits, MediaError, type MediaKind } from './limits.ts'
import type { AssetRow, Store, TaskRow } from './store.ts'
import type { Studio } from './studio.ts'
import type { Resource } from './task-input.ts'

/** Milliseconds. */
export interface Pace {
  /** Processing lasts this long at least and, if fetching does not take longer, at most. */
  assetMinMs: number
  assetMaxMs: number
  taskQueuedMs: number
  /** At least; rendering may take longer. */
  taskRunningMs: number
}

export const DEFAULT_PACE: Pace = {
  assetMinMs: 2000,
  assetMaxMs: 4000,
  taskQueuedMs: 2000,
  taskRunningMs: 6000,
}

export interface LifecycleOptions {
  store: Store
  studio: Studio
  pace: Pace
  /** Where fetched files and finished clips are kept. */
  directories: { sources: string; media: string }
  dispatcher: Dispatcher
  log: (line: Record<string, unknown>) => void
}

/** Takes assets and tasks from their creation to their end, also those a former process left behind. */
export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  resume(): void {
    const { assets, taskIds } = this.#options.store.listUnfinished()
    for (const asset of assets) this.followAsset(asset)
    for (const id of taskIds) this.followTask(id)
  }

  followAsset(asset: AssetRow): void {
    this.#follow(this.#runAsset(asset), { event: 'asset', id: asset.id })
  }

  followTask(id: string): void {
    this.#follow(this.#runTask(id), { event: 'task', id })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running)
  }

  #follow(work: Promise<string>, line: { event: string; id: string }): void {
    const { log } = this.#options
    const followed = work
      .then((outcome) => log({ ...line, outcome }))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) log({ ...line, outcome: 'lost', error: String(error) })
      })
      .finally(() => this.#running.delete(followed))
    this.#running.add(followed)
  }

  async #runAsset(asset: AssetRow): Promise<string> {
    const { store } = this.#options
    if (asset.fate === 'Processing') return 'Processing for ever, as asked'
    const verdict = await this.#examine(asset)
    await this.#until(asset.settleAt)
    if ('file' in verdict) {
      store.activateAsset(asset.id, verdict.file)
      return 'Active'
    }
    store.failAsset(asset.id, verdict.code, verdict.message)
    return `Failed: ${verdict.code}`
  }

  async #examine({ url, type, fate }: AssetRow): Promise<{ file: string } | MediaError> {
    try {
      if (fate !== null) throw new MediaError(fate, 'asked for by a fault')
      return { file: await this.#fetch(url, type as MediaKind) }
    } catch (error) {
      if (error instanceof MediaError) return error
      this.#closing.signal.throwIfAborted()
      return new MediaError('InternalServiceError', String(error))
    }
  }

  async #runTask(id: string): Promise<string> {
    const { store, pace } = this.#options
    const task = store.findTask(id) as TaskRow
    await this.#until(task.startAt)
    if (task.fate !== null && task.fate !== 'running') {
      store.finishTask(id, { status: task.fate, failure: task.failure, video: null })
      return task.fate
    }
    store.startTask(id)
    if (task.fate === 'running') return 'running for ever, as asked'
    const started = Date.now()
    try {
      const video = await this.#render(task)
      await this.#until(started + pace.taskRunningMs)
      store.finishTask(id, { status: 'succeeded', failure: null, video })
      return 'succeeded'
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      const failure =
        error instanceof MediaError ? `${error.code}: ${error.message}` : String(error)
      store.finishTask(id, { status: 'failed', failure, video: null })
      return `failed: ${failure}`
    }
  }

  async #render({ id, account, input }: TaskRow): Promise<string> {
    const { studio, directories } = this.#options
    const files = new Map<Resource, string>()
    for (const resource of input.resources) files.set(resource, await this.#open(resource, account))
    const pathOf = (role: string) => {
      const resource = input.resources.find((one) => one.role === role && one.type === 'image')
      return resource ? join(directories.sources, files.get(resource) as string) : null
    }
    const video = `${id}.mp4`
    await studio.render({
      first: pathOf('first_frame') ?? pathOf('reference') ?? pathOf('keyframe') ?? pathOf('source'),
      last: pathOf('last_frame'),
      caption: input.prompt,
      quality: input.quality,
      ratio: input.ratio,
      durationS: input.duration > 0 ? input.duration : 5,
      output: join(directories.media, video),
    })
    return video
  }

  async #open({ type, source }: Resource, account: string): Promise<string> {
    if (source.kind === 'asset') {
      return this.#options.store.findAsset(source.value, account)?.file as string
    }
    const kinds = { image: 'Image', video: 'Video', audio: 'Audio' } as const
    return this.#fetch(source.value, kinds[type])
  }

  async #fetch(url: string, type: MediaKind): Promise<string> {
    const { studio, dispatcher, directories } = this.#options
    const signal = this.#closing.signal
    const file = await fetchMedia(url, { directory: directories.sources, dispatcher, signal })
    assertWithinLimits(await studio.probe(join(directories.sources, file)), type)
    return file
  }

  async #until(time: number): Promise<void> {
    const { signal } = this.#closing
    signal.throwIfAborted()
    await sleep(Math.max(0, time - Date.now()), undefined, { signal })
  }
}
