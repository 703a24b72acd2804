import { z } from 'zod'

/**
 * Reads the body of GET /v1/models, an OpenAI-style list (upstream-api 1): the name of each model, once. Skips entries
 * without a name. Throws a ZodError when there is no list.
 */
export function readModelList(body: unknown): string[] {
  const names = ModelList.parse(body).data.map((entry) => Entry.safeParse(entry).data?.id)
  return [...new Set(names.filter((name) => name !== undefined))]
}

const ModelList = z.object({ data: z.array(z.unknown()) })
const Entry = z.object({ id: z.string().min(1) })
