import type { InputIssue } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import { MAX_FILES } from '../upstream/input-limits.ts'
import { estimateVideoTokens } from '../upstream/usage.ts'
import type { Asset } from './asset.ts'
import { type CreateVideoTaskInput, checkVideoTask } from './check-video-task.ts'
import type { Context } from './context.ts'
import { assetsOf, readReferences, referenceIssues } from './referenced-assets.ts'

/** The result of `previewVideoTask`. */
export interface VideoTaskPreview {
  /** Whether `createVideoTask` could send the task now. */
  submittable: boolean
  issues: InputIssue[]
  /** The assets that are not ACTIVE yet. */
  pendingAssets: Asset[]
  estimatedVideoTokens: number
}

/**
 * Checks an input of `createVideoTask`. Reads the referenced assets and creates nothing. Throws UNAUTHENTICATED without
 * an identity, and the failure of a read.
 */
export async function previewVideoTask(
  input: CreateVideoTaskInput,
  context: Context,
): Promise<VideoTaskPreview> {
  requireIdentity(context)
  const { request, issues } = checkVideoTask(input, context)
  // Too many files are an issue already, so their assets are not read.
  const isReadable = request.resources.length <= MAX_FILES
  const references = isReadable ? await readReferences(request, context) : []
  issues.push(...referenceIssues(references))
  const pendingAssets = assetsOf(
    references,
    ({ status }) => status !== 'ACTIVE' && status !== 'FAILED',
  )
  return {
    submittable: issues.length + pendingAssets.length === 0,
    issues,
    pendingAssets,
    estimatedVideoTokens: estimateVideoTokens(request),
  }
}
