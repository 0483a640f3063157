import { writeFile } from 'node:fs/promises'

/** A line of a plot. */
export interface Series {
  label: string
  /** Points `[x, y]`, in order of x. */
  points: [number, number][]
  /** Drawn as steps: a value holds until the next. */
  steps?: boolean
}

/** One of several diagrams above each other, with a common x axis. */
export interface Panel {
  title: string
  unit: string
  series: Series[]
  /** A line across, such as a bound, with what it is. */
  bound?: { y: number; label: string }
}

/** A time in which something was done, drawn behind the lines. */
export interface Period {
  from: number
  to: number
  label: string
}

const WIDTH = 720
const LEFT = 56
const RIGHT = 16
const PANEL_HEIGHT = 150
const TITLE_HEIGHT = 26
const COLORS = ['#2563eb', '#d97706', '#059669', '#9333ea']

/** Writes panels over seconds as an SVG that is readable on light and dark pages. */
export async function writePlot(path: string, panels: Panel[], periods: Period[]): Promise<void> {
  const all = panels.flatMap(({ series }) => series.flatMap(({ points }) => points))
  const seconds = Math.max(1, ...all.map(([x]) => x))
  const height = panels.length * (PANEL_HEIGHT + TITLE_HEIGHT) + 34
  const x = (value: number) => LEFT + (value / seconds) * (WIDTH - LEFT - RIGHT)
  const drawn = panels.map((panel, index) => drawPanel(panel, periods, x, index * (PANEL_HEIGHT + TITLE_HEIGHT)))
  const ticks = ticksOf(seconds).map((value) => text(x(value), height - 18, `${value} s`, 'middle'))
  const style = 'text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}'
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title>${panels.map(({ title }) => title).join('; ')}</title>
<style>${style}</style>
<rect width="100%" height="100%" rx="8" fill="#fff"/>
${[...drawn, ...ticks].join('\n')}
</svg>
`
  await writeFile(path, svg)
}

function drawPanel({ title, unit, series, bound }: Panel, periods: Period[], x: (v: number) => number, top: number) {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value))
  const ticks = ticksOf(Math.max(...values, bound?.y ?? 0, 1e-9))
  const most = Math.max(ticks.at(-1) ?? 1, ...values)
  const bottom = top + TITLE_HEIGHT + PANEL_HEIGHT - 12
  const y = (value: number) => bottom - (value / most) * (PANEL_HEIGHT - 24)
  const parts = [text(LEFT, top + 18, `${title} (${unit})`, 'start', 'title')]
  for (const { from, to, label } of periods) {
    const [left, right] = [x(from), x(to)]
    parts.push(
      `<rect x="${left}" y="${y(most)}" width="${right - left}" height="${bottom - y(most)}" fill="#f1f3f5"/>`,
      text(left + 6, y(most) + 14, label, 'start'),
    )
  }
  for (const value of ticks) {
    parts.push(`<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#d5d9de" stroke-width="1"/>`)
    parts.push(text(LEFT - 6, y(value) + 4, String(value), 'end'))
  }
  if (bound) {
    parts.push(`<path d="M${LEFT} ${y(bound.y)}H${WIDTH - RIGHT}" stroke="#dc2626" stroke-dasharray="5 4"/>`)
    parts.push(text(WIDTH - RIGHT, y(bound.y) - 4, bound.label, 'end'))
  }
  let legendAt = WIDTH - RIGHT
  for (const [index, { label, points, steps }] of series.entries()) {
    const color = COLORS[index % COLORS.length] ?? '#000'
    const path = points.map(([px, py], at) => {
      if (at === 0) return `M${round(x(px))} ${round(y(py))}`
      return steps ? `H${round(x(px))}V${round(y(py))}` : `L${round(x(px))} ${round(y(py))}`
    })
    parts.push(`<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="1.6"/>`)
    if (series.length < 2) continue
    parts.push(`<text x="${legendAt}" y="${top + 18}" text-anchor="end" style="fill:${color}">${label}</text>`)
    legendAt -= label.length * 7 + 16
  }
  return parts.join('\n')
}

/** Round numbers from 0 up to about `most`. */
function ticksOf(most: number): number[] {
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)))
}

function text(x: number, y: number, words: string, anchor: string, kind = ''): string {
  const name = kind ? ` class="${kind}"` : ''
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${name}>${words}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
