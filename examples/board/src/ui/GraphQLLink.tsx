import { type AnyVariables, type DocumentInput, stringifyDocument } from 'urql'
import { useSession } from '../session/session.ts'
import { Icon } from './Icon.tsx'

interface Props<Variables extends AnyVariables> {
  document: DocumentInput<unknown, Variables>
  variables: Variables
}

/** Opens an operation of the board, with its variables, in GraphiQL. */
export function GraphQLLink<Variables extends AnyVariables>({
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
    <a className="link graphql-link" href={`/graphql?${query}`} target="_blank" rel="noreferrer">
      Show as GraphQL <Icon name="external" />
    </a>
  )
}
