import { DEFAULT_PAGE_SIZE, type ListOrder, type PageRequest } from '../model/page.ts'
import type { Cursors, Place } from './cursors.ts'

/** The paging arguments are not valid. `argument` is the name of the invalid one. */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly argument: string
  constructor(argument: string, message: string) {
    super(message)
    this.argument = argument
  }
}

/** A page request, with places instead of cursors. */
export interface PageBounds {
  /** The maximum number of items. */
  limit: number
  /** True when the page is counted from the end of the list. */
  backward: boolean
  order: ListOrder
  /** Only items that follow this place. */
  after: Place | null
  /** Only items that precede this place. */
  before: Place | null
}

/**
 * Converts a page request to places. Throws PageError when an argument is out of range, is not a cursor
 * of this list, or contradicts another argument.
 */
export function pageBounds(request: PageRequest, maxSize: number, cursors: Cursors): PageBounds {
  const first = request.first ?? null
  const last = request.last ?? null
  if (first !== null && last !== null) {
    throw new PageError('last', 'Give either `first` or `last`, not both.')
  }
  const limit = first ?? last ?? Math.min(DEFAULT_PAGE_SIZE, maxSize)
  if (limit < 0 || limit > maxSize) {
    const argument = first === null ? 'last' : 'first'
    throw new PageError(argument, `Give a number between 0 and ${maxSize}.`)
  }
  return {
    limit,
    backward: last !== null,
    order: request.orderBy ?? 'NEWEST_FIRST',
    after: placeOf('after', request.after, cursors),
    before: placeOf('before', request.before, cursors),
  }
}

function placeOf(
  argument: string,
  cursor: string | null | undefined,
  cursors: Cursors,
): Place | null {
  if (cursor === null || cursor === undefined) return null
  const place = cursors.decode(cursor)
  if (place === null) throw new PageError(argument, 'This is not a cursor of this list.')
  return place
}
