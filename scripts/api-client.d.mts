export const CLIENT_FILE: string
export function clientSource(document: object): string
