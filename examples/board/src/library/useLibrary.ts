import { useState } from 'react'
import { useMutation } from 'urql'
import type { AssetType, CreateAssetInput } from '../gql/graphql.ts'
import { getFragmentData, graphql } from '../gql/index.ts'
import { CreateFailure, problemOfFailure } from '../graphql/create-failure.ts'
import { type Problem, problemOfError } from '../graphql/problem.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { newKey } from '../ui/new-key.ts'

export const AssetGroups = graphql(`
  query AssetGroups {
    assetGroups(first: 50) {
      nodes {
        id
        name
        createdAt
        ...GroupRow_group
      }
    }
  }
`)

const CreateGroup = graphql(`
  mutation CreateGroup($input: CreateAssetGroupInput!) {
    createAssetGroup(input: $input) {
      __typename
      ... on AssetGroup {
        id
        name
        createdAt
        ...GroupRow_group
      }
      ...CreateFailure
    }
  }
`)

export const RegisterAssets = graphql(`
  mutation RegisterAssets($inputs: [CreateAssetInput!]!) {
    createAssets(inputs: $inputs) {
      __typename
      ... on Asset {
        id
        createdAt
        group {
          id
        }
        ...AssetTile_asset
      }
      ...CreateFailure
    }
  }
`)

/** A file to register. */
export interface NewFile {
  url: string
  type: AssetType
  name?: string | undefined
}

/** The groups, which of them is selected, and what registers files in it. */
export type Library = ReturnType<typeof useLibrary>

export function useLibrary() {
  const { data, error, execute } = useLiveQuery({ query: AssetGroups, variables: {} })
  const [selected, select] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [, createGroup] = useMutation(CreateGroup)
  const [, createAssets] = useMutation(RegisterAssets)
  const groups = data?.assetGroups.nodes
  /** The group of new files. */
  const target = selected ?? groups?.[0]?.id ?? null

  /** Creates a group and returns its id, or sets the problem and returns null. */
  async function makeGroup(name: string): Promise<string | null> {
    setProblem(null)
    const created = await createGroup({
      input: { name, platform: 'JIMENG', idempotencyKey: newKey() },
    })
    if (created.error) setProblem(problemOfError(created.error))
    const result = created.data?.createAssetGroup
    if (result?.__typename === 'AssetGroup') return result.id
    if (result) setProblem(problemOfFailure(getFragmentData(CreateFailure, result)))
    return null
  }

  /** Registers files in the selected group, else in the newest one, else in a new one. */
  async function register(files: NewFile[], groupName = 'Assets'): Promise<boolean> {
    setBusy(true)
    setProblem(null)
    const groupId = target ?? (await makeGroup(groupName))
    const isDone = groupId !== null && (await registerIn(groupId, files))
    setBusy(false)
    return isDone
  }

  async function registerIn(groupId: string, files: NewFile[]): Promise<boolean> {
    const created = await createAssets({ inputs: files.map((file) => inputOf(groupId, file)) })
    if (created.error) setProblem(problemOfError(created.error))
    const failed = created.data?.createAssets.find((result) => result.__typename !== 'Asset')
    if (failed) setProblem(problemOfFailure(getFragmentData(CreateFailure, failed)))
    return !created.error && !failed
  }

  return {
    groups,
    error,
    readGroups: () => execute({ requestPolicy: 'network-only' }),
    selected,
    target,
    select,
    problem,
    setProblem,
    isBusy,
    makeGroup,
    register,
  }
}

/** Returns the input that registers a file in a group. */
export function inputOf(groupId: string, { url, type, name }: NewFile): CreateAssetInput {
  return { groupId, url, type, name: name ?? null, platform: 'JIMENG', idempotencyKey: newKey() }
}
