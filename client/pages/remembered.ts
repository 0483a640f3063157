import { isFields } from '../../shared/narrow.ts'
import { isStreamName } from '../../shared/stream-name.ts'
import { type DeviceChoice, deviceChoiceOf } from '../publisher/source.ts'
import { QUALITY_IDS } from '../record/quality.ts'

const NAME_KEY = 'castgate.stream'
const CHOICES_KEY = 'castgate.choices'

/** What a person chose the last time. */
export interface Choices extends DeviceChoice {
  qualityId: string
}

const ADJECTIVES =
  'amber brave bright calm clear cosy eager early fair fresh gentle golden happy kind lively lucky merry mild neat quick quiet sunny swift warm'
const ANIMALS =
  'badger beaver bison crane dolphin eagle falcon finch fox hare heron ibex lark lynx marten otter owl panda puffin raven robin seal swan wren'

/** The name of the stream that was broadcast before, or a new one that nobody else is likely to have, such as `calm-otter-4821`. */
export function firstStreamName(): string {
  const before = localStorage.getItem(NAME_KEY)
  if (isStreamName(before)) return before
  const number = 1000 + (random() % 9000)
  return `${oneOf(ADJECTIVES)}-${oneOf(ANIMALS)}-${number}`
}

export function rememberStreamName(name: string): void {
  localStorage.setItem(NAME_KEY, name)
}

export function rememberChoices(choices: Choices): void {
  localStorage.setItem(CHOICES_KEY, JSON.stringify(choices))
}

/** What was chosen before, or null. */
export function rememberedChoices(): Choices | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(CHOICES_KEY) ?? 'null')
    const devices = deviceChoiceOf(kept)
    if (devices === null || !isFields(kept)) return null
    const { qualityId } = kept
    if (typeof qualityId !== 'string' || !QUALITY_IDS.includes(qualityId)) return null
    return { qualityId, ...devices }
  } catch {
    return null
  }
}

function oneOf(words: string): string {
  const list = words.split(' ')
  return list[random() % list.length] ?? 'live'
}

function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}
