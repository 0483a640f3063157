export function sectionOf(version: string, date: string, changes: Record<string, string>): string
export function withSection(changelog: string, section: string): string
export function readChanges(directory?: string): Record<string, string>
