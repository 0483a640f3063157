/** Everything that the widget and the studio say, in one language. A language is a file beside this one that exports `words`. */
export interface Words {
  // What is done.
  broadcast: string
  stop: string
  mute: string
  settings: string
  openCamera: string
  chooseScreen: string
  anotherScreen: string
  chooseFile: string

  // What is chosen.
  source: string
  camera: string
  screen: string
  file: string
  microphone: string
  quality: string
  videoFile: string
  chosenByBrowser: string
  noCamera: string
  noMicrophone: string
  microphoneHears: string
  speech: string
  music: string

  // How it is.
  preview: string
  sound: string
  soundLevel: string
  opening: string
  soundOnly: string
  cameraHint: string
  screenHint: string
  fileHint: string
  liveIn(seconds: number): string
  connecting: string
  live: string
  reconnecting: string
  ending: string
  ended: string
  noStream: string
  /** What the cards say that stand in for a picture. */
  cameraOff: string
  backInAMoment: string
  viewers(count: number): string
  slowUplink(quality: string): string
  behind(seconds: number): string
  nearlyFull: string
  lost(seconds: number): string

  /** By the code of an error, in place of the English message that comes with it. */
  errors: Readonly<Record<string, string>>
}

const languages = import.meta.glob<Words>(['./*.ts', '!./words.ts', '!./*.test.ts'], { eager: true, import: 'words' })

/** Whether there are words for a tag such as `de-AT`. */
export function hasWords(tag: string): boolean {
  return find(tag) !== undefined
}

function find(tag: string): Words | undefined {
  const of = (name: string) => languages[`./${name.toLowerCase()}.ts`]
  return of(tag) ?? of(tag.split('-')[0] ?? '')
}

/**
 * The words of the first of `wanted` (BCP 47 tags such as `de-AT`) that is there, by its full tag or its language alone; English where
 * none is.
 */
export function wordsFor(wanted: readonly string[]): Words {
  for (const tag of wanted) {
    const found = find(tag)
    if (found) return found
  }
  const english = find('en')
  if (!english) throw new Error('The English words are missing.')
  return english
}
