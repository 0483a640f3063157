import { svg } from 'lit'

const WIDTH = 300
const HEIGHT = 60

/** What is plotted over time, from the left to the right, a value for each second. */
export interface Plot {
  values: number[]
  /** Values up to here fit in any case, so that noise does not look like an event. */
  least: number
  /** For screen readers. */
  title: string
}

/** A line over a plain: the highest value touches the top. What is not there yet is empty, on the left. */
export function plot({ values, least, title }: Plot) {
  const highest = Math.max(least, ...values)
  const points = values.map((value, index) => {
    const x = WIDTH - (values.length - 1 - index)
    return `${x},${(HEIGHT - 1 - (value / highest) * (HEIGHT - 2)).toFixed(1)}`
  })
  const [first] = points
  const left = first?.split(',')[0] ?? WIDTH
  return svg`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${title}>
    <polygon points="${left},${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}" />
    <polyline points=${points.join(' ')} />
  </svg>`
}
