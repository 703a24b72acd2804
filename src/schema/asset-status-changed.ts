import {
  type AssetStatusChange,
  assetStatusChange,
  subscribeToAssetGroup,
  subscribeToAssets,
} from '../resolvers/status-subscription.ts'
import { AssetRef, AssetStatusRef } from './asset.ts'
import { builder } from './builder.ts'
import { SUBSCRIBED_ID, UPSTREAM_CALL } from './cost.ts'
import { PlatformRef } from './platform.ts'

const AssetStatusChangeRef = builder.objectRef<AssetStatusChange>('AssetStatusChange').implement({
  description: 'A change of the status of an asset.',
  fields: (t) => ({
    asset: t.expose('asset', {
      type: AssetRef,
      description: 'The asset immediately after the change.',
    }),
    previous: t.expose('previous', {
      type: AssetStatusRef,
      nullable: true,
      description: 'The status before the change. Null in the first event of each asset.',
    }),
    current: t.expose('current', {
      type: AssetStatusRef,
      description:
        'The status after the change. Equal to `previous` when polling ended without a terminal status. `asset.failureReason` then has the reason.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'The time at which this service observed the change.',
    }),
  }),
})

builder.subscriptionFields((t) => ({
  assetStatusChanged: t.field({
    type: AssetStatusChangeRef,
    complexity: ({ ids }) => ids.length * SUBSCRIBED_ID,
    description:
      'Sends the current status of each asset, then every later change exactly once, in order. Completes when every asset is `ACTIVE` or `FAILED`, or its polling has ended. Fails with `NOT_FOUND` when 0-0 does not know some of the ids; `extensions.ids` contains all of them.',
    args: {
      ids: t.arg.idList({
        required: true,
        description: '1 to 500 ids: global ids, or ids of assets at 0-0.',
      }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'The platform of ids of 0-0. Ignored for global ids.',
      }),
    },
    subscribe: (_root, { ids, platform }, context) => subscribeToAssets(ids, platform, context),
    resolve: (transition, _args, context) => assetStatusChange(transition, context),
  }),
  assetGroupStatusChanged: t.field({
    type: AssetStatusChangeRef,
    complexity: UPSTREAM_CALL,
    description:
      'Sends the current status of every asset of the group that is registered through this service, then every later change exactly once. Includes assets that are registered later. Does not complete by itself. Fails with `NOT_FOUND` when 0-0 does not know the group.',
    args: {
      id: t.arg.id({
        required: true,
        description: 'The group: a global id, or the id of the group at 0-0.',
      }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'The platform of an id of 0-0. Ignored for a global id.',
      }),
    },
    subscribe: (_root, { id, platform }, context) => subscribeToAssetGroup(id, platform, context),
    resolve: (transition, _args, context) => assetStatusChange(transition, context),
  }),
}))
