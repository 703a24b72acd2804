import { type ReactNode, type Ref, useState } from 'react'
import { useClient } from 'urql'
import { graphql } from '../gql/index.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { ListError } from '../ui/ListError.tsx'
import { moveFocus } from '../ui/move-focus.ts'
import { useDebounced } from '../ui/useDebounced.ts'
import { FilterBar } from './FilterBar.tsx'
import { FILTERS } from './filters.ts'
import { VideoCard } from './VideoCard.tsx'
import './Videos.css'

export const VideoTasks = graphql(`
  query VideoTasks($statuses: [VideoTaskStatus!], $search: String, $after: String) {
    videoTasks(first: 24, statuses: $statuses, search: $search, after: $after) {
      nodes {
        id
        createdAt
        status
        prompt
        ...VideoCard_task
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

const SEARCH_AFTER_MS = 250

interface Props {
  searchRef: Ref<HTMLInputElement>
  openedId: string | null
  onOpen(taskId: string): void
  /** What to show when neither a group nor a video exists. */
  nothingYet: ReactNode
}

/** The videos, newest first, with a filter by status and a search. */
export function Videos({ searchRef, openedId, onOpen, nothingYet }: Props) {
  const client = useClient()
  const [filter, setFilter] = useState('All')
  const [text, setText] = useState('')
  const [isLoadingMore, setLoadingMore] = useState(false)
  const search = useDebounced(text.trim(), SEARCH_AFTER_MS)
  const variables = { statuses: FILTERS[filter] ?? null, search: search === '' ? null : search }
  const { data, error, execute } = useLiveQuery({ query: VideoTasks, variables })
  const isFiltered = filter !== 'All' || search !== ''
  const tasks = data?.videoTasks.nodes
  const page = data?.videoTasks.pageInfo

  // The cache joins the pages of a list, so the query above has the new page too.
  async function loadMore() {
    setLoadingMore(true)
    await client.query(VideoTasks, { ...variables, after: page?.endCursor ?? null }).toPromise()
    setLoadingMore(false)
  }

  return (
    <section className="panel videos" aria-labelledby="videos-title">
      <header className="panel-head">
        <h2 id="videos-title">Videos</h2>
        <GraphQLLink isShort of="videos" document={VideoTasks} variables={variables} />
      </header>
      <FilterBar
        searchRef={searchRef}
        filter={filter}
        onFilter={setFilter}
        search={text}
        onSearch={setText}
      />
      <ListError
        of="videos"
        error={error}
        isOld={tasks !== undefined}
        onRetry={() => execute({ requestPolicy: 'network-only' })}
      />
      <ul className="video-grid" onKeyDown={(event) => moveFocus(event, 'button')}>
        {tasks?.map((task) => (
          <VideoCard
            key={task.id}
            task={task}
            isOpened={task.id === openedId}
            onOpen={() => onOpen(task.id)}
          />
        ))}
        {!tasks &&
          !error &&
          [1, 2, 3].map((card) => <li key={card} className="card-wait shimmer" />)}
      </ul>
      {tasks?.length === 0 &&
        !error &&
        (isFiltered ? (
          <p className="muted">No video matches.</p>
        ) : (
          nothingYet || <p className="muted">No video yet.</p>
        ))}
      {page?.hasNextPage && (
        <button type="button" className="button more" disabled={isLoadingMore} onClick={loadMore}>
          {isLoadingMore ? 'Loading…' : 'Show older videos'}
        </button>
      )}
    </section>
  )
}
