import { keyOf } from '../model/entities.ts'
import {
  type Asset,
  createAsset,
  createAssets,
  findAsset,
  findGroupOf,
  listAssets,
  listAssetsOf,
} from '../resolvers/asset.ts'
import { findNextCheck } from '../resolvers/next-check.ts'
import { assetUrlExpiryOf } from '../resolvers/url-expiry.ts'
import { AssetGroupRef } from './asset-group.ts'
import { builder } from './builder.ts'
import { CREATE, LEDGER_ROW, pageComplexity, UPSTREAM_CALL } from './cost.ts'
import { CREATE_ERROR_REFS, resultTypeOf } from './error-types.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { orderByArg, STATUSES_DESCRIPTION, searchDescription } from './list-arguments.ts'
import { PlatformRef } from './platform.ts'
import { connectionOf } from './relay-connection.ts'
import { withoutNulls } from './without-nulls.ts'

const AssetTypeRef = builder.enumType('AssetType', {
  description: 'The media type of an asset.',
  values: {
    IMAGE: { description: 'JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF, below 30 MB.' },
    VIDEO: { description: 'MP4 or MOV, 2 to 15 seconds long.' },
    AUDIO: { description: 'WAV or MP3, 2 to 15 seconds long.' },
  } as const,
})

/** The statuses of an asset. */
export const AssetStatusRef = builder.enumType('AssetStatus', {
  description:
    'The status of an asset: first `PROCESSING`, then `ACTIVE` or `FAILED`. The last two are terminal.',
  values: {
    PROCESSING: {
      description: 'The provider fetches and checks the file. The asset cannot be used yet.',
    },
    ACTIVE: { description: 'Video tasks can use the asset.' },
    FAILED: {
      description:
        'The asset cannot be used. `failureReason` has the reason. Register another URL.',
    },
    UNKNOWN: {
      description: '0-0 sent a status that this service does not know. `rawStatus` has it.',
    },
  } as const,
})

/** An asset. */
export const AssetRef = builder.objectRef<Asset>('Asset')

builder.node(AssetRef, {
  description: 'A media file. Video tasks can use it when its status is `ACTIVE`.',
  id: {
    description: 'The global id, for example `Asset:JIMENG:Asset-ab12`.',
    resolve: ({ platform, assetId }) => keyOf({ platform, id: assetId }),
  },
  fields: (t) => ({
    assetId: t.exposeID('assetId', { description: 'The id at 0-0.' }),
    platform: t.expose('platform', {
      type: PlatformRef,
      description: 'The platform at which 0-0 stores the asset.',
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'The name of the asset. Null when it has none, or when 0-0 does not report it.',
    }),
    type: t.expose('type', {
      type: AssetTypeRef,
      nullable: true,
      description: 'The media type. Null when 0-0 does not report it.',
    }),
    status: t.expose('status', { type: AssetStatusRef, description: 'The status of the asset.' }),
    rawStatus: t.exposeString('rawStatus', {
      description:
        'The status as 0-0 sent it, for example `Processing`. Empty when 0-0 does not report it.',
    }),
    url: t.expose('url', {
      type: 'URL',
      nullable: true,
      description:
        'The current URL of the file at 0-0. It may be a signed URL that expires after some hours. Null when 0-0 does not report it.',
    }),
    sourceUrl: t.expose('sourceUrl', {
      type: 'URL',
      nullable: true,
      description:
        'The URL with which the asset was registered. Null when it was not registered through this service.',
    }),
    failureReason: t.exposeString('failureReason', {
      nullable: true,
      description:
        'The reason of a failure as 0-0 reports it, for example `WidthTooSmall: …`, or the reason why polling ended without a terminal status. Null when there is no such reason.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'The time of registration by the clock of 0-0. Null when 0-0 does not report it.',
    }),
    nextCheckAfter: t.field({
      type: 'DateTime',
      complexity: LEDGER_ROW,
      nullable: true,
      description:
        'When a client that polls should read the asset again: at the next poll of this service, and at least one second from now. Example: `"2026-04-30T02:40:02.000Z"`. Null when the asset does not change any more, or is not polled any more. Subscriptions need no polling.',
      resolve: ({ entity }, _args, context) => findNextCheck('asset', entity, context),
    }),
    urlExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When `url` may stop working, for example `"2026-04-30T14:40:00.000Z"`: as signed, or else 12 hours after it was observed. It can be in the past; `asset` and `node` read a new URL. Null when `url` is null or equal to `sourceUrl`.',
      resolve: ({ entity }) => assetUrlExpiryOf(entity),
    }),
    // Nullable because it needs its own call to 0-0: when that call fails, the asset is still returned.
    group: t.field({
      type: AssetGroupRef,
      complexity: UPSTREAM_CALL,
      nullable: true,
      description:
        'The group of the asset, read from 0-0 once per operation. Null when 0-0 does not report the group. Null with an error when the group cannot be read.',
      resolve: (asset, _args, context) => findGroupOf(asset, context),
    }),
  }),
})

const AssetConnectionRef = builder.connectionObject(
  { type: AssetRef, name: 'AssetConnection' },
  { name: 'AssetEdge' },
)

builder.objectField(AssetGroupRef, 'assets', (t) =>
  t.connection(
    {
      type: AssetRef,
      complexity: pageComplexity,
      description:
        'The assets of the group that your tenant registered through this service, newest first, as last observed.',
      args: {
        status: t.arg({
          type: AssetStatusRef,
          description: 'Return only assets with this status.',
        }),
      },
      resolve: async (group, { status, ...page }, context) =>
        connectionOf(await listAssetsOf(group, { status }, page, context)),
    },
    AssetConnectionRef,
  ),
)

builder.queryFields((t) => ({
  asset: t.field({
    type: AssetRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'Reads an asset from 0-0. Null when 0-0 does not know the id.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id of the entity at 0-0.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'The platform of an id of 0-0. Ignored for a global id.',
      }),
    },
    resolve: (_root, { id, platform }, context) => findAsset(id, platform, context),
  }),
  assets: t.connection(
    {
      type: AssetRef,
      complexity: pageComplexity,
      description:
        'The assets that your tenant registered through this service, as last observed. Example: `assets(first: 20, statuses: [PROCESSING, FAILED], search: "heroine") { nodes { id name status } }`.',
      args: {
        status: t.arg({
          type: AssetStatusRef,
          description: 'Return only assets with this status.',
        }),
        type: t.arg({ type: AssetTypeRef, description: 'Return only assets of this type.' }),
        statuses: t.arg({ type: [AssetStatusRef], description: STATUSES_DESCRIPTION }),
        search: t.arg.string({ description: searchDescription('name') }),
        ...orderByArg,
      },
      resolve: async (_root, { status, type, statuses, search, ...page }, context) =>
        connectionOf(await listAssets({ status, type, statuses, search }, page, context)),
    },
    AssetConnectionRef,
  ),
}))

const CreateAssetInputRef = builder.inputType('CreateAssetInput', {
  description: 'The file to register.',
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'The platform of the group. Ignored when `groupId` is a global id.',
    }),
    groupId: t.id({
      required: true,
      description: 'The group of the asset: a global id, or the id of the group at 0-0.',
    }),
    url: t.field({
      type: 'URL',
      required: true,
      description:
        'A public http or https URL of the file. It must be reachable until the asset is `ACTIVE`.',
    }),
    type: t.field({
      type: AssetTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'The media type of the file.',
    }),
    name: t.string({
      description: 'A name of at most 64 characters, for example `"Heroine, front"`.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

const CreateAssetResultRef = builder.unionType('CreateAssetResult', {
  description: 'The registered asset, or the reason why the create failed.',
  types: [AssetRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('Asset'),
})

builder.mutationFields((t) => ({
  createAsset: t.field({
    type: CreateAssetResultRef,
    complexity: CREATE,
    description:
      'Registers a file with 0-0. The asset is `PROCESSING` until the provider has fetched and checked the file.',
    args: {
      input: t.arg({
        type: CreateAssetInputRef,
        required: true,
        description: 'The file to register.',
      }),
    },
    resolve: (_root, { input }, context) => createAsset(withoutNulls(input), context),
  }),
  createAssets: t.field({
    type: [CreateAssetResultRef],
    complexity: ({ inputs }) => ({ field: inputs.length * CREATE, multiplier: inputs.length }),
    description:
      'Registers at most 50 files, one after another. Returns one result for each input, in the same order.',
    args: {
      inputs: t.arg({
        type: [CreateAssetInputRef],
        required: true,
        description: 'The files to register.',
      }),
    },
    resolve: (_root, { inputs }, context) => createAssets(inputs.map(withoutNulls), context),
  }),
}))
