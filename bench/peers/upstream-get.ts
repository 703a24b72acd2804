import { Pool } from 'undici'

/** The fields of 0-0 that the peers use. */
export interface UpstreamAsset {
  asset_id: string
  group_id: string
  name: string
  status: string
  url: string
  created_at: number
}

export interface UpstreamGroup {
  group_id: string
  name: string
}

const pool = new Pool(process.env.UPSTREAM_URL ?? '', { connections: 64 })

/** Returns `data` of the response of 0-0. Throws when the response is not a success. */
export async function get<T>(path: string, authorization: string): Promise<T> {
  const { statusCode, body } = await pool.request({
    path: `/v1${path}?platform=JIMENG&model=seedance-2-0`,
    method: 'GET',
    headers: { accept: 'application/json', authorization },
  })
  const { code, msg, data } = JSON.parse(await body.text())
  if (statusCode !== 200 || code !== 200) throw new Error(msg)
  return data
}
