/** An error that ends the program with an exit code of its own, and a sentence for the person who started it. */
export class ExitError extends Error {
  readonly code: string
  readonly exitCode: number

  constructor(code: string, message: string, exitCode = 1) {
    super(message)
    this.name = 'ExitError'
    this.code = code
    this.exitCode = exitCode
  }
}

/** Whether an error has one of these codes, such as those of the system: `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** Bad usage: exit code 2. */
export class UsageError extends ExitError {
  constructor(message: string) {
    super('usage', message, 2)
  }
}

/** Something that is needed is missing: exit code 3. The message names it and says how to get it. */
export class MissingError extends ExitError {
  constructor(code: string, message: string) {
    super(code, message, 3)
  }
}
