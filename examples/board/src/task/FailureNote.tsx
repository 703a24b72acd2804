import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { Thumb } from '../library/Thumb.tsx'
import { CopyId } from '../ui/CopyId.tsx'
import './FailureNote.css'

export const FailureNoteTask = graphql(`
  fragment FailureNote_task on VideoTask {
    failureReason
    failure {
      code
      message
      asset {
        id
        name
        assetId
        ...Thumb_asset
      }
    }
  }
`)

/** Why a task failed, and the asset that is to blame. */
export function FailureNote({ task }: { task: FragmentType<typeof FailureNoteTask> }) {
  const { failure, failureReason } = getFragmentData(FailureNoteTask, task)
  const message = failure?.message ?? failureReason
  if (!message) return null
  const asset = failure?.asset
  return (
    <div className="failure">
      <p>
        {/* The reasons of 0-0 begin with their code. */}
        {failure?.code && !message.startsWith(failure.code) && <strong>{failure.code}. </strong>}
        {message}
      </p>
      {asset && (
        <div className="failure-asset">
          <span className="resource-picture">
            <Thumb asset={asset} />
          </span>
          <span>
            {asset?.name || 'An asset'}
            <CopyId id={asset.id} name="the asset that failed" />
          </span>
        </div>
      )}
    </div>
  )
}
