import { type AnyVariables, type DocumentInput, stringifyDocument } from 'urql'
import { useSession } from '../session/session.ts'
import { Icon } from './Icon.tsx'
import './GraphQLLink.css'

interface Props<Variables extends AnyVariables> {
  /** What the operation is about, for screen readers: `groups`. */
  of: string
  /** Where space is short, the link says `GraphQL` only. */
  isShort?: boolean
  document: DocumentInput<unknown, Variables>
  variables: Variables
}

/** Opens an operation of the board, with its variables, in GraphiQL. */
export function GraphQLLink<Variables extends AnyVariables>({
  of,
  isShort = false,
  document,
  variables,
}: Props<Variables>) {
  const { settings } = useSession()
  if (!settings.graphiql) return null
  const query = new URLSearchParams({
    query: stringifyDocument(document),
    variables: JSON.stringify(variables, null, 2),
  })
  return (
    <a
      className="graphql-link"
      href={`/graphql#${query}`}
      target="_blank"
      rel="noreferrer"
      aria-label={`Show as GraphQL: ${of}`}
    >
      {isShort ? 'GraphQL' : 'Show as GraphQL'} <Icon name="external" />
    </a>
  )
}
