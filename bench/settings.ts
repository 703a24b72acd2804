/** How much and how long each part of the bench measures. */
export interface Settings {
  isSmoke: boolean
  /** Rows are measured alternately, so that other load on the machine affects all of them. */
  turns: number
  warmUpMs: number
  turnMs: number
  registeredAssets: number
  /** The service remembers at most 10,000. */
  rememberedAssets: number
}

export const FULL: Settings = {
  isSmoke: false,
  turns: 3,
  warmUpMs: 1_000,
  turnMs: 1_000,
  registeredAssets: 5_000,
  rememberedAssets: 10_000,
}

/** Runs everything once and briefly. The figures mean nothing. */
export const SMOKE: Settings = {
  isSmoke: true,
  turns: 1,
  warmUpMs: 0,
  turnMs: 100,
  registeredAssets: 100,
  rememberedAssets: 100,
}
