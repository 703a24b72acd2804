import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type InlineFragmentNode,
  Kind,
  type SelectionSetNode,
  TokenKind,
} from 'graphql'

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** The directives of a document that was parsed with its locations. */
export function countDirectives({ loc }: DocumentNode): number {
  let directives = 0
  for (let token = loc?.startToken ?? null; token; token = token.next) {
    if (token.kind === TokenKind.AT) directives += 1
  }
  return directives
}

/** The aliases of an operation; those of a fragment count again for each use of it. */
export function countAliases(root: SelectionSetNode, fragments: Fragments): number {
  return sum(root, fragments, ({ alias, selectionSet }, count) => {
    return (alias ? 1 : 0) + (selectionSet ? count(selectionSet) : 0)
  })
}

/** The fields at the top of an operation; those of a fragment count again for each use of it. */
export function countRootFields(root: SelectionSetNode, fragments: Fragments): number {
  return sum(root, fragments, () => 1)
}

/**
 * Sums up what `ofField` gives for each field, through fragments. Each selection set is looked at once, however often
 * fragments lead to it; validation has refused fragments that lead to themselves.
 */
function sum(
  root: SelectionSetNode,
  fragments: Fragments,
  ofField: (field: FieldNode, count: (set: SelectionSetNode) => number) => number,
): number {
  const known = new Map<SelectionSetNode, number>()
  const count = (set: SelectionSetNode): number => {
    const before = known.get(set)
    if (before !== undefined) return before
    let total = 0
    for (const selection of set.selections) {
      total +=
        selection.kind === Kind.FIELD
          ? ofField(selection, count)
          : count(selectionSetOf(selection, fragments))
    }
    known.set(set, total)
    return total
  }
  return count(root)
}

const NOTHING: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] }

function selectionSetOf(
  fragment: InlineFragmentNode | FragmentSpreadNode,
  fragments: Fragments,
): SelectionSetNode {
  if (fragment.kind === Kind.INLINE_FRAGMENT) return fragment.selectionSet
  return fragments.get(fragment.name.value)?.selectionSet ?? NOTHING
}
