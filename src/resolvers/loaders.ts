import DataLoader from 'dataloader'
import type { Entity } from '../ledger/entity.ts'
import { keyOf, type PlatformRef } from '../model.ts'
import type { Caller, Context } from './context.ts'
import { RequestError } from './failure.ts'
import type { TaskRef } from './reads.ts'

/** Within one operation each resource is read once, however often it is named. */
export interface Loaders {
  assetGroup: DataLoader<PlatformRef, Entity<'assetGroup'>, string>
  asset: DataLoader<PlatformRef, Entity<'asset'>, string>
  videoTask: DataLoader<TaskRef, Entity<'videoTask'>, string>
}

/**
 * 0-0 has no call for many at once: a batch is as many calls, all sent together.
 * A read beyond `limits.upstreamReads` fails with INVALID_INPUT. The bound is checked here too and not only before
 * execution, because how many assets a video task names is known only when it has been read.
 */
export function createLoaders({
  caller,
  reads,
  limits,
}: Pick<Context, 'caller' | 'reads' | 'limits'>): Loaders {
  let admitted = 0
  const admitRead = () => {
    admitted += 1
    if (admitted > limits.upstreamReads) throw tooManyReads(limits.upstreamReads)
  }
  const reader = (): Caller => ({ ...caller(), admitRead })
  const together =
    <Ref, T>(read: (ref: Ref) => Promise<T>) =>
    async (refs: readonly Ref[]) =>
      (await Promise.allSettled(refs.map(read))).map((result) =>
        result.status === 'fulfilled' ? result.value : (result.reason as Error),
      )
  return {
    assetGroup: new DataLoader(
      together((ref) => reads.assetGroup(ref, reader())),
      { cacheKeyFn: keyOf },
    ),
    asset: new DataLoader(
      together((ref) => reads.asset(ref, reader())),
      { cacheKeyFn: keyOf },
    ),
    videoTask: new DataLoader(
      together((ref) => reads.videoTask(ref, reader())),
      { cacheKeyFn: ({ taskId, model }) => `${taskId} ${model}` },
    ),
  }
}

function tooManyReads(limit: number): RequestError {
  const message = `The operation needs more than ${limit} reads from 0-0. Ask for smaller pages.`
  const issues = [{ path: [], message }]
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}
