/** Installs packages and builds, where that is needed. Throws an Error with a sentence for people where it fails. */
export function prepare(): void
