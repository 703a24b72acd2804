import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Client, cacheExchange, fetchExchange, Provider, useQuery } from 'urql'
import { graphql } from './gql/index.ts'

const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
  exchanges: [cacheExchange, fetchExchange],
})

const RootType = graphql(`
  query RootType {
    __typename
  }
`)

function Board() {
  const [{ data }] = useQuery({ query: RootType })
  return <h1>ZeroGraph {data?.__typename}</h1>
}

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no #root.')
createRoot(root).render(
  <StrictMode>
    <Provider value={client}>
      <Board />
    </Provider>
  </StrictMode>,
)
