// The compiler of Relay generates `__generated__/` from these tags. In an application they stand in the components, and
// a plugin of the bundler replaces each tag by its generated module. Node runs the examples without a bundler, so they
// import the generated modules, and this file is never run.
import { graphql } from 'relay-runtime'

graphql`
  mutation CreateGroupMutation($input: CreateAssetGroupInput!) {
    createAssetGroup(input: $input) {
      ... on AssetGroup @alias(as: "group") {
        id
        name
        status
      }
      ...ErrorParts @alias(as: "error")
    }
  }
`

graphql`
  mutation CreateAssetsMutation($inputs: [CreateAssetInput!]!) {
    createAssets(inputs: $inputs) {
      ... on Asset @alias(as: "asset") {
        id
        name
        status
      }
      ...ErrorParts @alias(as: "error")
    }
  }
`

graphql`
  mutation CreateVideoMutation($input: CreateVideoTaskInput!) {
    createVideoTask(input: $input) {
      ... on VideoTask @alias(as: "video") {
        id
        prompt
        status
      }
      ...ErrorParts @alias(as: "error")
    }
  }
`

graphql`
  mutation CancelVideoMutation($id: ID!) {
    cancelVideoTask(id: $id) {
      ... on VideoTask @alias(as: "video") {
        id
        status
      }
      ...ErrorParts @alias(as: "error")
    }
  }
`

// #region errors
graphql`
  fragment ErrorParts on Error @inline {
    code
    message
    ... on AssetsNotReadyError {
      assets {
        name
      }
    }
    ... on InvalidInputError {
      issues {
        path
      }
    }
    ... on NotCancellableError {
      videoTask {
        status
      }
    }
    ... on RateLimitedError {
      retryAfterSeconds
    }
    ... on UpstreamRejectedError {
      upstreamCode
    }
    ... on UpstreamUnavailableError {
      retryAfterSeconds
    }
  }
`
// #endregion

graphql`
  query AssetsQuery($first: Int!, $after: String) {
    assets(first: $first, after: $after) @connection(key: "Story_assets") {
      edges {
        node {
          id
          name
          status
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`

// #region lists
graphql`
  query VideosQuery {
    videoTasks(first: 20) @connection(key: "Story_videoTasks") {
      edges {
        node {
          id
          prompt
          status
        }
      }
    }
  }
`

graphql`
  subscription ChangesSubscription($after: String) {
    changes(after: $after) {
      cursor
      isNew
      node {
        __typename
        ... on Asset {
          id
          name
          # Tasks have a status of another type, and GraphQL does not merge fields of different types.
          assetStatus: status
        }
        ... on VideoTask {
          id
          prompt
          status
        }
      }
    }
  }
`
// #endregion

graphql`
  subscription AssetStatusesSubscription($ids: [ID!]!) {
    assetStatusChanged(ids: $ids) {
      asset {
        id
        status
      }
    }
  }
`

graphql`
  subscription TimelineSubscription($id: ID!) {
    videoTaskTimeline(id: $id) {
      at
      type
      asset {
        id
        name
      }
      videoTask {
        id
        status
      }
    }
  }
`
