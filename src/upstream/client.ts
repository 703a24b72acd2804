import type {
  AcceptedVideoTask,
  AssetGroupSnapshot,
  AssetSnapshot,
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
  Platform,
  VideoTaskSnapshot,
} from '../model.ts'
import type { BreakerState } from './breaker.ts'
import type { UpstreamCall, UpstreamOptions } from './call.ts'
import type { Route } from './route.ts'
import { createSender } from './sender.ts'
import { checkedId } from './upstream-request.ts'
import * as wire from './wire.ts'

/** The six calls of 0-0. All of them fail with an UpstreamError, or with the reason of the caller's signal. */
export interface UpstreamClient {
  getAssetGroup(
    ref: { platform: Platform; groupId: string },
    call: UpstreamCall,
  ): Promise<AssetGroupSnapshot>
  createAssetGroup(
    request: CreateAssetGroupRequest,
    call: UpstreamCall,
  ): Promise<AssetGroupSnapshot>
  getAsset(ref: { platform: Platform; assetId: string }, call: UpstreamCall): Promise<AssetSnapshot>
  createAsset(request: CreateAssetRequest, call: UpstreamCall): Promise<AssetSnapshot>
  /** Without the model 0-0 may have forgotten where the task is (upstream-api 3.7). */
  getVideoTask(
    ref: { taskId: string; model: string | null },
    call: UpstreamCall,
  ): Promise<VideoTaskSnapshot>
  createVideoTask(request: CreateVideoTaskRequest, call: UpstreamCall): Promise<AcceptedVideoTask>
  /** Whether the routes are open to calls, for metrics: CLOSED is the good state. */
  breakers(): { group: Route; state: BreakerState }[]
  /** Takes no more calls, and ends when those it has are done. */
  close(): Promise<void>
}

/** The route inside 0-0 that a group or asset call takes; without it some answer 404 (upstream-api 1). */
const ASSET_MODEL = 'seedance-2-0'

/** A client of 0-0 with connections, circuit breakers and a retry budget of its own. */
export function createUpstreamClient(options: UpstreamOptions): UpstreamClient {
  const sender = createSender(options)
  const { send } = sender
  return {
    getAssetGroup: ({ platform, groupId }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/asset-groups',
        id: groupId,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAssetGroup(json, platform), groupId }),
      }),

    createAssetGroup: (request, call) =>
      send(call, {
        method: 'POST',
        route: '/v1/asset-groups',
        query: { model: ASSET_MODEL },
        body: wire.writeAssetGroup(request),
        read: (json) => wire.readAssetGroup(json, request.platform),
      }),

    getAsset: ({ platform, assetId }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/assets',
        id: assetId,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAsset(json, platform), assetId }),
      }),

    createAsset: async (request, call) => {
      checkedId(request.groupId)
      return send(call, {
        method: 'POST',
        route: '/v1/assets',
        query: { model: ASSET_MODEL },
        body: wire.writeAsset(request),
        read: (json) => wire.readAsset(json, request.platform),
      })
    },

    getVideoTask: ({ taskId, model }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/video/tasks',
        id: taskId,
        query: model === null ? {} : { model },
        read: (json) => ({ ...wire.readVideoTask(json), taskId }),
      }),

    createVideoTask: (request, call) =>
      send(call, {
        method: 'POST',
        route: '/v1/video/tasks',
        body: wire.writeVideoTask(request),
        read: wire.readCreatedVideoTask,
      }),

    breakers: sender.breakers,

    close: sender.close,
  }
}
