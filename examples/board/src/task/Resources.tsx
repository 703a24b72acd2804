import type { ResourceRole } from '../gql/graphql.ts'
import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { MediaThumb, Thumb } from '../library/Thumb.tsx'
import { CopyId } from '../ui/CopyId.tsx'
import { StatusMark } from '../ui/StatusMark.tsx'
import './Resources.css'

export const ResourcesTask = graphql(`
  fragment Resources_task on VideoTask {
    resources {
      role
      type
      url
      asset {
        id
        name
        status
        ...Thumb_asset
      }
    }
  }
`)

const ROLES: Record<ResourceRole, string> = {
  FIRST_FRAME: 'First frame',
  LAST_FRAME: 'Last frame',
  REFERENCE: 'Reference',
}

/** The files of a task, each with its role. */
export function Resources({ task }: { task: FragmentType<typeof ResourcesTask> }) {
  const { resources } = getFragmentData(ResourcesTask, task)
  if (resources.length === 0) return null
  return (
    <section className="task-section" aria-labelledby="files-title">
      <h3 id="files-title">Files</h3>
      <ul className="resources">
        {resources.map(({ role, type, url, asset }) => (
          <li key={`${role} ${asset?.id ?? url}`} className="resource">
            <span className="resource-picture">
              {asset ? <Thumb asset={asset} /> : <MediaThumb type={type} url={url} />}
            </span>
            <span className="resource-text">
              <span className="resource-role">
                {ROLES[role]} {asset && <StatusMark status={asset.status} />}
              </span>
              {asset && <CopyId id={asset.id} name={`the ${ROLES[role].toLowerCase()}`} />}
              {url && <span className="note resource-url">{url}</span>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
