import {
  type DocumentNode,
  type FieldNode,
  type FragmentSpreadNode,
  type InlineFragmentNode,
  Kind,
  type SelectionSetNode,
  TokenKind,
} from 'graphql'
import type { Fragments } from './collect-fields.ts'

/** Counts the directives of a document, in its tokens. The document must have been parsed with locations. */
export function countDirectives({ loc }: DocumentNode): number {
  let directives = 0
  for (let token = loc?.startToken ?? null; token; token = token.next) {
    if (token.kind === TokenKind.AT) directives += 1
  }
  return directives
}

/** Counts the aliases of an operation. Aliases in a fragment count once for each use of the fragment. */
export function countAliases(root: SelectionSetNode, fragments: Fragments): number {
  return sumFields(root, fragments, ({ alias, selectionSet }, countIn) => {
    return (alias ? 1 : 0) + (selectionSet ? countIn(selectionSet) : 0)
  })
}

/** Counts the root fields of an operation. Fields in a fragment count once for each use of the fragment. */
export function countRootFields(root: SelectionSetNode, fragments: Fragments): number {
  return sumFields(root, fragments, () => 1)
}

/**
 * Sums the results of `countField` over the fields of `root`, including those in fragments. Each selection set is
 * counted once and then cached. Fragments cannot form cycles, because validation has rejected them.
 */
function sumFields(
  root: SelectionSetNode,
  fragments: Fragments,
  countField: (field: FieldNode, countIn: (set: SelectionSetNode) => number) => number,
): number {
  const totals = new Map<SelectionSetNode, number>()
  const countIn = (set: SelectionSetNode): number => {
    const cached = totals.get(set)
    if (cached !== undefined) return cached
    let total = 0
    for (const selection of set.selections) {
      total +=
        selection.kind === Kind.FIELD
          ? countField(selection, countIn)
          : countIn(selectionSetOf(selection, fragments))
    }
    totals.set(set, total)
    return total
  }
  return countIn(root)
}

const EMPTY_SELECTION_SET: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] }

function selectionSetOf(
  fragment: InlineFragmentNode | FragmentSpreadNode,
  fragments: Fragments,
): SelectionSetNode {
  if (fragment.kind === Kind.INLINE_FRAGMENT) return fragment.selectionSet
  return fragments.get(fragment.name.value)?.selectionSet ?? EMPTY_SELECTION_SET
}
