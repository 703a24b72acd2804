/** The exit codes of the command line. docs/cli.md lists them. */
export const EXIT_CODE = {
  /** The asset is ACTIVE, the video is ready, or every check passed. */
  done: 0,
  /** The asset or the task failed, a create was refused, or a check failed. */
  failed: 1,
  /** The arguments are wrong, or the service refused the input as invalid. */
  usage: 2,
  /** The credential is missing, refused or insufficient. */
  credential: 3,
  /** The service, or 0-0 behind it, cannot be reached now. */
  unreachable: 4,
  /** It is not known how it ended: the outcome is unknown, or polling ended before a terminal status. */
  unknown: 5,
  /** SIGINT: 128 + 2, as shells report it. */
  interrupted: 130,
} as const

/** One of the exit codes. */
export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE]
