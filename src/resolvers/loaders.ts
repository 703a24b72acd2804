import DataLoader from 'dataloader'
import type { Resource } from '../ledger/resource.ts'
import { keyOf, type PlatformRef } from '../model.ts'
import type { Context } from './context.ts'
import type { TaskRef } from './reads.ts'

/** Within one operation each resource is read once, however often it is named. */
export interface Loaders {
  assetGroup: DataLoader<PlatformRef, Resource<'assetGroup'>, string>
  asset: DataLoader<PlatformRef, Resource<'asset'>, string>
  videoTask: DataLoader<TaskRef, Resource<'videoTask'>, string>
}

/** 0-0 has no call for many at once: a batch is as many calls, all sent together. */
export function createLoaders({ caller, reads }: Pick<Context, 'caller' | 'reads'>): Loaders {
  const together =
    <Ref, T>(read: (ref: Ref) => Promise<T>) =>
    async (refs: readonly Ref[]) =>
      (await Promise.allSettled(refs.map(read))).map((result) =>
        result.status === 'fulfilled' ? result.value : (result.reason as Error),
      )
  return {
    assetGroup: new DataLoader(
      together((ref) => reads.assetGroup(ref, caller())),
      { cacheKeyFn: keyOf },
    ),
    asset: new DataLoader(
      together((ref) => reads.asset(ref, caller())),
      { cacheKeyFn: keyOf },
    ),
    videoTask: new DataLoader(
      together((ref) => reads.videoTask(ref, caller())),
      { cacheKeyFn: ({ taskId, model }) => `${taskId} ${model}` },
    ),
  }
}
