import { keyOf } from '../model/entities.ts'
import {
  type AssetGroup,
  createAssetGroup,
  findAssetGroup,
  listAssetGroups,
} from '../resolvers/asset-group.ts'
import { builder } from './builder.ts'
import { CREATE, pageComplexity, UPSTREAM_CALL } from './cost.ts'
import { CREATE_ERROR_REFS, resultTypeOf } from './error-types.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { searchDescription } from './list-arguments.ts'
import { PlatformRef } from './platform.ts'
import { connectionOf } from './relay-connection.ts'
import { withoutNulls } from './without-nulls.ts'

const AssetGroupStatusRef = builder.enumType('AssetGroupStatus', {
  description: 'The status of a group. 0-0 documents only `ACTIVE`.',
  values: {
    ACTIVE: { description: 'Assets can be added to the group.' },
    UNKNOWN: {
      description: '0-0 sent a status that this service does not know. `rawStatus` has it.',
    },
  } as const,
})

/** An asset group. */
export const AssetGroupRef = builder.objectRef<AssetGroup>('AssetGroup')

builder.node(AssetGroupRef, {
  description: 'A group of assets that belong together, for example all views of one character.',
  id: {
    description: 'The global id, for example `AssetGroup:JIMENG:group-ab12`.',
    resolve: ({ platform, groupId }) => keyOf({ platform, id: groupId }),
  },
  fields: (t) => ({
    groupId: t.exposeID('groupId', { description: 'The id at 0-0.' }),
    platform: t.expose('platform', {
      type: PlatformRef,
      description: 'The platform at which 0-0 stores the group.',
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'The name of the group. Null when 0-0 does not report it.',
    }),
    description: t.exposeString('description', {
      nullable: true,
      description:
        'The description of the group. Null when it has none, or when 0-0 does not report it.',
    }),
    projectName: t.exposeString('projectName', {
      nullable: true,
      description:
        'The project at the provider. Assets can be used only within their project. Null when 0-0 does not report it.',
    }),
    status: t.expose('status', {
      type: AssetGroupStatusRef,
      description: 'The status of the group.',
    }),
    rawStatus: t.exposeString('rawStatus', {
      nullable: true,
      description:
        'The status as 0-0 sent it, for example `Active`. Null when 0-0 does not report it.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of creation by the clock of 0-0. Null when 0-0 does not report it.',
    }),
  }),
})

const AssetGroupConnectionRef = builder.connectionObject(
  { type: AssetGroupRef, name: 'AssetGroupConnection' },
  { name: 'AssetGroupEdge' },
)

builder.queryFields((t) => ({
  assetGroup: t.field({
    type: AssetGroupRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'Reads a group from 0-0. Null when 0-0 does not know the id.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id of the entity at 0-0.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'The platform of an id of 0-0. Ignored for a global id.',
      }),
    },
    resolve: (_root, { id, platform }, context) => findAssetGroup(id, platform, context),
  }),
  assetGroups: t.connection(
    {
      type: AssetGroupRef,
      complexity: pageComplexity,
      description:
        'The groups that your tenant registered through this service, newest first, as last observed.',
      args: { search: t.arg.string({ description: searchDescription('name') }) },
      resolve: async (_root, { search, ...page }, context) =>
        connectionOf(await listAssetGroups({ search }, page, context)),
    },
    AssetGroupConnectionRef,
  ),
}))

const CreateAssetGroupInputRef = builder.inputType('CreateAssetGroupInput', {
  description: 'The group to create.',
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'The platform at which 0-0 stores the group.',
    }),
    name: t.string({
      required: true,
      description: 'The name: 1 to 64 characters, for example `"Heroine"`.',
    }),
    description: t.string({ description: 'A description of at most 300 characters.' }),
    projectName: t.string({ description: 'The project at the provider. `default` when omitted.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

const CreateAssetGroupResultRef = builder.unionType('CreateAssetGroupResult', {
  description: 'The created group, or the reason why the create failed.',
  types: [AssetGroupRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('AssetGroup'),
})

builder.mutationField('createAssetGroup', (t) =>
  t.field({
    type: CreateAssetGroupResultRef,
    complexity: CREATE,
    description: 'Creates an asset group.',
    args: {
      input: t.arg({
        type: CreateAssetGroupInputRef,
        required: true,
        description: 'The group to create.',
      }),
    },
    resolve: (_root, { input }, context) => createAssetGroup(withoutNulls(input), context),
  }),
)
