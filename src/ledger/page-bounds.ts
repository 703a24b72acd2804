import { DEFAULT_PAGE_SIZE, type PageRequest } from '../model/page.ts'
import type { Cursors } from './cursors.ts'

/** The paging arguments are not valid. `argument` is the name of the invalid one. */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly argument: string
  constructor(argument: string, message: string) {
    super(message)
    this.argument = argument
  }
}

/** A page request, with positions instead of cursors. The first item of a list has the highest position. */
export interface PageBounds {
  /** The maximum number of items. */
  limit: number
  /** True when the page is counted from the end of the list. */
  backward: boolean
  /** Only positions below this one. */
  after: number | null
  /** Only positions above this one. */
  before: number | null
}

/**
 * Converts a page request to positions. Throws PageError when an argument is out of range, is not a cursor
 * of this list, or contradicts another argument.
 */
export function pageBounds(request: PageRequest, maxSize: number, cursors: Cursors): PageBounds {
  const first = request.first ?? null
  const last = request.last ?? null
  if (first !== null && last !== null) {
    throw new PageError('last', 'Give either first or last, not both.')
  }
  const limit = first ?? last ?? Math.min(DEFAULT_PAGE_SIZE, maxSize)
  if (limit < 0 || limit > maxSize) {
    const argument = first === null ? 'last' : 'first'
    throw new PageError(argument, `${argument} must be between 0 and ${maxSize}.`)
  }
  return {
    limit,
    backward: last !== null,
    after: positionOf('after', request.after, cursors),
    before: positionOf('before', request.before, cursors),
  }
}

function positionOf(
  argument: string,
  cursor: string | null | undefined,
  cursors: Cursors,
): number | null {
  if (cursor === null || cursor === undefined) return null
  const position = cursors.decode(cursor)
  if (position === null) throw new PageError(argument, `${argument} is not a cursor of this list.`)
  return position
}
