import { randomUUID } from 'node:crypto'

/**
 * What the examples create and print. All of them register three pictures, make a video of the first one, and then
 * show their lists.
 */
const { ZEROGRAPH_SAMPLES = 'http://localhost:4010/samples' } = process.env
const run = randomUUID()

/** An idempotency key for one create of this run. An application makes one for each form that a user fills in. */
function keyOf(create: string): string {
  return `${run}-${create}`
}

export const groupInput = { name: 'Heroine', idempotencyKey: keyOf('group') }

/** The service refuses both: the first has the key of another input, the second an empty name. */
export const refusedGroupInputs = [{ ...groupInput, name: 'Hero' }, { name: '' }]

/** Public URLs of pictures: samples of the sandbox. The last one is too small for every model. */
export function assetInputs(groupId: string) {
  const pictures = { Front: 'portrait.png', Street: 'landscape.jpg', 'Too small': 'too-small.png' }
  return Object.entries(pictures).map(([name, file]) => ({
    groupId,
    name,
    url: `${ZEROGRAPH_SAMPLES}/${file}`,
    idempotencyKey: keyOf(name),
  }))
}

/** The service accepts the task at once and sends it to 0-0 when the picture is ACTIVE. */
export function videoInput(assetId: string | undefined) {
  return {
    prompt: 'She smiles',
    duration: 4,
    resolution: '480p',
    resources: [{ role: 'FIRST_FRAME' as const, assetId: assetId ?? null }],
    waitForAssets: true,
    idempotencyKey: keyOf('video'),
  }
}

/** Prints one line: what happened to what. */
export function print(what: string, ...details: (string | null | undefined)[]): void {
  console.log(`${what}: ${details.filter(Boolean).join(' ')}`)
}

// #region timeline
/**
 * Prints the events of a timeline. A timeline begins with its past events, so a client that connects again receives them
 * again.
 */
export function timelinePrinter(): (event: TimelineEvent | null | undefined) => void {
  const printed = new Set<string>()
  return (event) => {
    if (!event || event.type === 'PROGRESSED') return
    const key = `${event.at} ${event.type} ${event.asset?.id}`
    if (!printed.has(key)) print('timeline', event.type, event.asset?.name)
    printed.add(key)
  }
}
// #endregion

interface TimelineEvent {
  at: string
  type: string
  asset: { id: string; name: string | null | undefined } | null | undefined
}
