import { useState } from 'react'
import { useMutation } from 'urql'
import { getFragmentData, graphql } from '../gql/index.ts'
import { CreateFailure, problemOfFailure } from '../graphql/create-failure.ts'
import { type Problem, problemOfError } from '../graphql/problem.ts'
import { fileNameOf } from '../library/file-type.ts'
import { optionsOf, sourcesOf, taskInputOf } from './form-values.ts'
import type { VideoFormState } from './useVideoForm.ts'

export const CreateVideo = graphql(`
  mutation CreateVideo($input: CreateVideoTaskInput!) {
    createVideoTask(input: $input) {
      __typename
      ... on VideoTask {
        id
        createdAt
        status
        prompt
        ...VideoCard_task
      }
      ...CreateFailure
    }
  }
`)

export const CreateVideoFromUrls = graphql(`
  mutation CreateVideoFromUrls($input: CreateVideoFromUrlsInput!) {
    createVideoFromUrls(input: $input) {
      __typename
      ... on VideoTask {
        id
        createdAt
        status
        prompt
        ...VideoCard_task
      }
      ...CreateFailure
    }
  }
`)

/** How far the present form is: not sent, on its way, refused, or accepted as a task. */
export type MakeState =
  | { status: 'unsent' }
  | { status: 'sending' }
  | { status: 'refused'; problem: Problem }
  | { status: 'accepted'; taskId: string }

/** Sends the form. What came of it belongs to the form's idempotency key, so it ends with a change. */
export function useMakeVideo({ values, idempotencyKey }: VideoFormState, groupId: string | null) {
  const [outcome, setOutcome] = useState<{ key: string; state: MakeState } | null>(null)
  const [, createVideo] = useMutation(CreateVideo)
  const [, createFromUrls] = useMutation(CreateVideoFromUrls)
  const request = requestOf()

  function requestOf() {
    const files = sourcesOf(values).flatMap(({ role, source: { type, ...source } }) =>
      source.kind === 'url'
        ? [{ role, type, url: source.url, name: fileNameOf(source.url) ?? null }]
        : [],
    )
    // Files that are given by URL alone become assets. Beside assets, a URL is sent as it is.
    if (files.length > 0 && files.length === sourcesOf(values).length) {
      const input = {
        ...optionsOf(values),
        platform: 'JIMENG' as const,
        groupId,
        files,
        idempotencyKey,
      }
      return { kind: 'urls', document: CreateVideoFromUrls, variables: { input } } as const
    }
    const input = { ...taskInputOf(values), idempotencyKey }
    return { kind: 'task', document: CreateVideo, variables: { input } } as const
  }

  async function send() {
    if (request.kind === 'urls') {
      const { data, error } = await createFromUrls(request.variables)
      return { result: data?.createVideoFromUrls, error }
    }
    const { data, error } = await createVideo(request.variables)
    return { result: data?.createVideoTask, error }
  }

  async function make() {
    const finish = (state: MakeState) => setOutcome({ key: idempotencyKey, state })
    finish({ status: 'sending' })
    const { result, error } = await send()
    if (error) return finish({ status: 'refused', problem: problemOfError(error) })
    if (!result) return finish({ status: 'unsent' })
    if (result.__typename === 'VideoTask') return finish({ status: 'accepted', taskId: result.id })
    const failure = getFragmentData(CreateFailure, result)
    finish({ status: 'refused', problem: problemOfFailure(failure) })
  }

  const state: MakeState = outcome?.key === idempotencyKey ? outcome.state : { status: 'unsent' }
  return { state, make, request }
}
