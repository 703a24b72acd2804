import { SAMPLE_FILES } from './sample-files.ts'

/**
 * Returns the HTML of `GET /`: the samples, and commands like those of 0-0's own page for this
 * origin.
 */
export function homePage(origin: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>0-0 sandbox</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  ul { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
  img, video { display: block; height: 9rem; border-radius: .5rem; background: #eee }
  audio { display: block }
  pre { padding: 1rem; white-space: pre-wrap; background: #f4f4f6; border-radius: .5rem }
</style>
<h1>0-0 sandbox</h1>
<p>A local emulation of the REST API of 0-0. Each key that starts with <code>sk-</code> is a separate account.</p>
<h2>Samples</h2>
<ul>
${SAMPLE_FILES.map(sampleItem).join('\n')}
</ul>
<h2>From an image to a video</h2>
<pre>${curlCommands(origin)}</pre>
<p>Recorded requests: <a href="/admin/calls">/admin/calls</a>. Active faults: <a href="/admin/faults">/admin/faults</a>.</p>
</html>
`
}

/**
 * Returns curl commands that create a group, an asset and a task and read the last two. The ids
 * are placeholders: copy them from the previous answer. Blank lines separate the three steps.
 */
export function curlCommands(origin: string): string {
  const call = (path: string, body: string) =>
    `curl ${origin}${path} -H "Authorization: Bearer sk-sandbox" -H "Content-Type: application/json" \\\n  -d '${body}'`
  return `${call('/v1/asset-groups', '{"platform": "JIMENG", "name": "characters"}')}

${call('/v1/assets', `{"platform": "JIMENG", "group_id": "group-…", "asset_type": "Image", "url": "${origin}/samples/portrait.png"}`)}
curl "${origin}/v1/assets/Asset-…?platform=JIMENG" -H "Authorization: Bearer sk-sandbox"

${call('/v1/video/tasks', '{"model": "seedance-2-0", "prompt": "A slow push in", "duration": 5, "resources": [{"type": "image", "role": "first_frame", "asset_id": "Asset-…"}]}')}
curl "${origin}/v1/video/tasks/cgt-…?model=seedance-2-0" -H "Authorization: Bearer sk-sandbox"`
}

function sampleItem([file, type, outcome]: (typeof SAMPLE_FILES)[number]): string {
  const path = `/samples/${file}`
  const preview = {
    Image: `<img src="${path}" alt="">`,
    Video: `<video src="${path}" controls loop muted></video>`,
    Audio: `<audio src="${path}" controls></audio>`,
  }[type]
  return `  <li>${preview}<a href="${path}">${path}</a><br>${type}, becomes ${outcome}</li>`
}
