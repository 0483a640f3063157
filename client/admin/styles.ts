import { css } from 'lit'

/** The looks of the dashboard. */
export const adminStyles = css`
  :host {
    display: block;
    max-width: 84rem;
    margin: 0 auto;
    padding: 1rem clamp(0.75rem, 3vw, 2rem) 2rem;
  }

  header {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0.4rem 0.9rem;
    padding: 0.25rem 0 1rem;
  }

  header .quiet {
    margin-right: auto;
  }

  header button {
    min-height: 2.25rem;
    font-size: 0.8125rem;
  }

  .brand {
    font-size: 1.25rem;
    font-weight: 750;
    letter-spacing: -0.01em;
  }

  main {
    display: grid;
    gap: 1.25rem;
  }

  .verdict {
    padding: 1rem 1.125rem;
    border: 1px solid var(--cg-line);
    border-left-width: 6px;
    border-radius: var(--cg-radius);
    background: var(--cg-surface);
    overflow-wrap: anywhere;
  }

  .verdict.good {
    border-left-color: var(--cg-good);
  }

  .verdict.fault {
    border-color: var(--cg-accent);
    background: color-mix(in srgb, var(--cg-accent) 12%, var(--cg-surface));
  }

  .verdict.warning {
    border-left-color: var(--cg-warn);
  }

  .worst {
    font-size: 1.25rem;
    font-weight: 650;
    line-height: 1.35;
  }

  .verdict ul {
    margin: 0.6rem 0 0;
    padding-left: 1.2rem;
  }

  .streams {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr));
    gap: 1.25rem;
    align-items: start;
  }

  .stream {
    display: grid;
    gap: 0.9rem;
  }

  .head {
    display: grid;
    grid-template-columns: 9rem minmax(0, 1fr);
    gap: 0.9rem;
  }

  .facts {
    display: grid;
    gap: 0.15rem;
    align-content: start;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .name {
    font-size: 1.0625rem;
    color: var(--cg-text);
  }

  img,
  .no-picture {
    display: grid;
    place-content: center;
    width: 100%;
    aspect-ratio: 16 / 9;
    object-fit: contain;
    border-radius: 8px;
    background: #0d0e10;
    color: #a7acb5;
  }

  .plots {
    display: grid;
    grid-template-columns: 1fr 1fr;
    gap: 0.9rem;
  }

  figure {
    margin: 0;
    min-width: 0;
  }

  figcaption {
    display: flex;
    justify-content: space-between;
    gap: 0.5rem;
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }

  svg {
    display: block;
    width: 100%;
    height: 3.25rem;
    border-bottom: 1px solid var(--cg-line);
  }

  polyline {
    fill: none;
    stroke: var(--cg-focus);
    stroke-width: 1.5;
    vector-effect: non-scaling-stroke;
  }

  polygon {
    fill: color-mix(in srgb, var(--cg-focus) 18%, transparent);
  }

  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
    align-items: center;
  }

  .actions :is(button, a) {
    min-height: 2.25rem;
    padding: 0 0.7rem;
    font-size: 0.8125rem;
  }

  .actions a {
    display: inline-grid;
    place-content: center;
    font-weight: 600;
    color: var(--cg-text);
    background: var(--cg-raised);
    border: 1px solid var(--cg-line);
    border-radius: 10px;
    text-decoration: none;
  }

  castgate-targets {
    border-top: 1px solid var(--cg-line);
    padding-top: 0.9rem;
  }

  .columns {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
    gap: 1.25rem;
    align-items: start;
  }

  .columns > .card {
    display: grid;
    gap: 0.75rem;
    min-width: 0;
  }

  .scroll {
    overflow-x: auto;
    border-radius: 6px;
  }

  .scroll:focus-visible {
    outline: 3px solid var(--cg-focus);
    outline-offset: 2px;
  }

  table {
    width: 100%;
    border-collapse: collapse;
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
  }

  :is(th, td) {
    padding: 0.3rem 0.5rem 0.3rem 0;
    text-align: left;
  }

  :is(th, td):nth-child(n + 3) {
    text-align: right;
    white-space: nowrap;
  }

  th {
    color: var(--cg-quiet);
    font-weight: 600;
  }

  :is(.recordings, .events ol) {
    display: grid;
    gap: 0.75rem;
    margin: 0;
    padding: 0;
    list-style: none;
  }

  .events ol {
    gap: 0.35rem;
  }

  .events {
    max-height: 24rem;
    overflow-y: auto;
    font-size: 0.875rem;
  }

  time {
    color: var(--cg-quiet);
    font-variant-numeric: tabular-nums;
    margin-right: 0.4rem;
  }

  .recordings li {
    display: grid;
    grid-template-columns: 6rem minmax(0, 1fr) auto;
    gap: 0.75rem;
    align-items: center;
  }

  .recordings .warning {
    font-size: 0.875rem;
  }

  .warning {
    color: var(--cg-warn);
  }

  .verdict.warning,
  .verdict .warning {
    color: var(--cg-text);
  }

  .sign-in {
    display: grid;
    gap: 1rem;
    max-width: 24rem;
    margin: 4rem auto;
  }

  @media (max-width: 40rem) {
    .head {
      grid-template-columns: minmax(0, 1fr);
    }

    .recordings li {
      grid-template-columns: 6rem minmax(0, 1fr);
    }

    .recordings .actions {
      grid-column: 1 / -1;
    }
  }
`
