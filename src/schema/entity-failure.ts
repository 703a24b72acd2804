import { assetFailureOf, type EntityFailure } from '../resolvers/entity-failure.ts'
import { AssetRef } from './asset.ts'
import { builder } from './builder.ts'
import { LEDGER_ROW } from './cost.ts'

/** Why an asset or a video task failed. */
export const FailureRef = builder.objectRef<EntityFailure>('Failure').implement({
  description: 'Why an asset or a video task failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      nullable: true,
      description:
        'A code of 0-0, for example `WidthTooSmall`, or of this service: `ASSET_FAILED` (an asset of the task failed, so nothing was sent), `OUTCOME_UNKNOWN` (the task was sent, and no outcome is known), `DEADLINE` (there was no result in time). Null when no code is known.',
    }),
    message: t.exposeString('message', {
      description:
        'The reason as text, as in `failureReason`, for example `WidthTooSmall: the image is 200 px wide`.',
    }),
    asset: t.field({
      type: AssetRef,
      complexity: LEDGER_ROW,
      nullable: true,
      description:
        'The asset to blame, as last observed. For an asset it is the asset itself. For a task it is null unless one of its assets is to blame.',
      resolve: (failure, _args, context) => failure.asset(context),
    }),
  }),
})

builder.objectField(AssetRef, 'failure', (t) =>
  t.field({
    type: FailureRef,
    nullable: true,
    description:
      'Why the asset is `FAILED`, or why its polling ended without a terminal status, for example `{ code: "WidthTooSmall", message: "WidthTooSmall: …" }`. Otherwise null.',
    resolve: assetFailureOf,
  }),
)
