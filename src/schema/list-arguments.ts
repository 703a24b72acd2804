import type { ListOrder } from '../model/page.ts'
import { builder } from './builder.ts'

const ORDERS: Record<ListOrder, { description: string }> = {
  NEWEST_FIRST: { description: 'By registration, the newest item first.' },
  OLDEST_FIRST: { description: 'By registration, the oldest item first.' },
  RECENTLY_CHANGED_FIRST: {
    description:
      'By the last change that this service observed, the latest first. An item that changes moves to the beginning, also while you page: it can then be missing from the pages that follow.',
  },
}

const ListOrderRef = builder.enumType('ListOrder', {
  description:
    'The order of a list. A cursor belongs to the order in which it was returned, and is `INVALID_INPUT` in another.',
  values: ORDERS,
})

/** The argument `orderBy` of a list. */
export const orderByArg = builder.args((t) => ({
  orderBy: t.field({
    type: ListOrderRef,
    required: true,
    defaultValue: 'NEWEST_FIRST',
    description: 'The order, for example `RECENTLY_CHANGED_FIRST`.',
  }),
}))

/** The description of the argument `search` for a list whose items have this text. */
export function searchDescription(text: string): string {
  return `Return only items whose ${text} contains this text, for example \`"heroine"\`. Upper and lower case are equal, \`%\` and \`_\` are ordinary characters, and white space at both ends is ignored. At most 200 characters.`
}

/** The description of the argument `statuses`. */
export const STATUSES_DESCRIPTION =
  'Return only items with one of these statuses. An empty list matches nothing. With `status`, an item must match both.'
