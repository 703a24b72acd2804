import { Client, fetchExchange } from 'urql'
import { graphql } from '../gql/index.ts'
import { authorizationOf } from '../graphql/authorization.ts'
import { problemOfError } from '../graphql/problem.ts'

// Lists come from the database of the service. Only a read from 0-0 tells whether 0-0 accepts a key,
// so this reads a group that does not exist: null with a good key.
const CheckKey = graphql(`
  query CheckKey {
    assetGroup(id: "group-0") {
      id
    }
  }
`)

/** Returns why the credential cannot be used, or null when it can. */
export async function checkKey(credential: string): Promise<string | null> {
  const client = new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: { headers: authorizationOf(credential) },
    exchanges: [fetchExchange],
  })
  const { error } = await client.query(CheckKey, {}).toPromise()
  return error ? problemOfError(error).message : null
}
