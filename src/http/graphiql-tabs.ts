import type { GraphiQLOptions } from 'graphql-yoga'

type Tabs = NonNullable<GraphiQLOptions['defaultTabs']>

/** A key that the sandbox accepts. Each key has data of its own there. */
export const SANDBOX_KEY = 'sk-sandbox'

/** Returns the headers of every tab as JSON, with a valid key for the sandbox or a placeholder. */
export function exampleHeaders(sandboxUrl: string | null): string {
  const key = sandboxUrl ? SANDBOX_KEY : 'YOUR-0-0-API-KEY'
  return JSON.stringify({ Authorization: `Bearer ${key}` }, null, 2)
}

/**
 * Returns the tabs of GraphiQL: the steps from a group to a finished video. With the sandbox they run unchanged. With
 * 0-0 (`sandboxUrl` is null), the user must enter a key and the URL of a picture. The lines are short, because the
 * editor is narrow.
 */
export function tabs(sandboxUrl: string | null): Tabs {
  const picture = sandboxUrl
    ? `${sandboxUrl}/samples/portrait.png`
    : 'https://example.com/front.png'
  const headers = exampleHeaders(sandboxUrl)
  return steps(picture).map(({ query, variables }) => ({
    query,
    headers,
    variables: variables ? JSON.stringify(variables, null, 2) : null,
  }))
}

function steps(picture: string): { query: string; variables?: Record<string, unknown> }[] {
  return [
    {
      query: `# 1 of 6. Assets live in groups.
# Create one, then copy its id.
mutation CreateGroup {
  createAssetGroup(input: { name: "Heroine" }) {
    __typename
    ... on AssetGroup { id name status }
    ... on Error { code message retryable }
  }
}
`,
    },
    {
      query: `# 2 of 6. Register a picture in it: paste
# the id of the group under Variables.
# It begins as PROCESSING. Copy its id.
mutation CreateAsset($groupId: ID!, $url: URL!) {
  createAsset(input: {
    groupId: $groupId
    url: $url
    name: "Front"
  }) {
    __typename
    ... on Asset { id status }
    ... on InvalidInputError {
      issues { path message }
    }
    ... on Error { code message retryable }
  }
}
`,
      variables: { groupId: 'AssetGroup:JIMENG:group-…', url: picture },
    },
    {
      query: `# 3 of 6. Follow its status until it is
# ACTIVE. This runs over a WebSocket and
# completes. Events replace each other.
subscription AssetStatus($ids: [ID!]!) {
  assetStatusChanged(ids: $ids) {
    previous
    current
    observedAt
    asset { name failureReason }
  }
}
`,
      variables: { ids: ['Asset:JIMENG:Asset-…'] },
    },
    {
      query: `# 4 of 6. Create a video that begins with
# the picture. With 0-0 itself this costs
# money.
mutation CreateVideo($assetId: ID!) {
  createVideoTask(input: {
    prompt: "She turns to the camera and smiles"
    duration: 5
    resolution: "480p"
    ratio: "3:4"
    resources: [{ role: FIRST_FRAME, assetId: $assetId }]
  }) {
    __typename
    ... on VideoTask { id status }
    ... on AssetsNotReadyError {
      assets { id status }
    }
    ... on InvalidInputError {
      issues { path message }
    }
    ... on Error { code message retryable }
  }
}
`,
      variables: { assetId: 'Asset:JIMENG:Asset-…' },
    },
    {
      query: `# 5 of 6. Follow its status. When it has
# SUCCEEDED, open the URL of the video.
subscription VideoStatus($ids: [ID!]!) {
  videoTaskStatusChanged(ids: $ids) {
    previous
    current
    videoTask {
      video { url }
      usage { totalTokens }
      failureReason
    }
  }
}
`,
      variables: { ids: ['VideoTask:…'] },
    },
    {
      query: `# 6 of 6. Everything created with this key,
# newest first. 0-0 itself has no lists.
query Lists {
  assetGroups(first: 10) {
    totalCount
    nodes {
      id
      name
      assets(first: 5) { nodes { id name status } }
    }
  }
  videoTasks(first: 10) {
    totalCount
    nodes {
      id
      status
      prompt
      video { url }
      resources { role asset { name } }
    }
  }
}
`,
    },
  ]
}
