import { css } from 'lit'

/** The studio's layout: preview and results beside the settings, or above them on a phone. */
export const studioStyles = css`
  :host {
    display: block;
    max-width: 78rem;
    margin: 0 auto;
    padding: 1rem clamp(0.75rem, 3vw, 2rem) 2rem;
  }

  header {
    display: flex;
    align-items: baseline;
    gap: 0.9rem;
    padding: 0.25rem 0 1rem;
  }

  .brand {
    display: flex;
    align-items: center;
    gap: 0.55rem;
    font-size: 1.25rem;
    font-weight: 750;
    letter-spacing: -0.01em;
  }

  .mark {
    width: 1.05rem;
    height: 1.05rem;
    border-radius: 50%;
    background: var(--cg-accent);
    box-shadow: 0 0 0 4px color-mix(in srgb, var(--cg-accent) 25%, transparent);
  }

  main {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 21rem;
    gap: 1.25rem;
    align-items: start;
  }

  .stage {
    display: grid;
    gap: 0.9rem;
  }

  .controls {
    grid-column: 2;
    grid-row: 1 / span 2;
  }

  .notice {
    grid-column: 1 / -1;
    border-color: var(--cg-warn);
  }

  .results {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr));
    gap: 0.9rem;
  }

  .results > .card {
    display: grid;
    gap: 0.75rem;
    align-content: start;
    min-width: 0;
  }

  .controls {
    display: grid;
    gap: 1rem;
    position: sticky;
    top: 1rem;
  }

  .results > details {
    display: block;
    grid-column: 1 / -1;
    order: 1;
  }

  castgate-targets {
    grid-column: 1 / -1;
  }

  summary {
    font-weight: 600;
    cursor: pointer;
    border-radius: 6px;
  }

  .embed {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.75rem;
    padding-top: 0.75rem;
  }

  :is(#name-rule, #token-rule) {
    margin-top: 0.3rem;
  }

  .action button {
    width: 100%;
    min-height: 3.4rem;
    font-size: 1.125rem;
    border-radius: 12px;
  }

  .action .stop {
    color: var(--cg-page);
    background: var(--cg-text);
    border-color: transparent;
  }

  /* A phone held sideways, or a page that is magnified: the picture and the button are seen at once. */
  @media (max-width: 56rem) and (max-height: 30rem) and (min-width: 36rem) {
    main {
      grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
      gap: 0.75rem;
    }

    header {
      padding-bottom: 0.5rem;
    }

    .results {
      grid-column: 1 / -1;
    }

    .stage {
      position: sticky;
      top: 0.5rem;
    }

    .controls {
      grid-row: 1;
      position: static;
    }

    .action {
      position: sticky;
      bottom: 0;
      padding: 0.5rem 0;
      background: var(--cg-surface);
    }
  }

  @media (max-width: 56rem) and (min-height: 30.01rem), (max-width: 35.99rem) {
    main {
      grid-template-columns: minmax(0, 1fr);
    }

    .controls {
      grid-column: auto;
      grid-row: auto;
      position: static;
      padding-bottom: 1.125rem;
    }

    /* While live, the button comes before what may be changed. */
    .controls.busy > .action {
      order: -1;
    }

    .action {
      position: sticky;
      bottom: 0;
      padding: 0.5rem 0 0.9rem;
      background: var(--cg-surface);
    }
  }
`
