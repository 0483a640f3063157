import { css } from 'lit'

/** The widget's layout: it takes the size of its container, and is useful from 16 rem on. */
export const widgetStyles = css`
  :host {
    display: block;
    container: castgate / inline-size;
    min-width: 14rem;
    line-height: 1.5;
    font-size: 16px;
  }

  :host([hidden]) {
    display: none;
  }

  .frame {
    display: flex;
    flex-direction: column;
    gap: 0.75rem;
    height: 100%;
    padding: 0.75rem;
    background: var(--cg-surface);
    border: 1px solid var(--cg-line);
    border-radius: var(--cg-radius);
  }

  /* In a container of a fixed height the preview takes what is left. */
  .stage {
    position: relative;
    flex: 1 1 auto;
    min-height: 8rem;
    aspect-ratio: 16 / 9;
  }

  .stage:has(.upright) {
    aspect-ratio: 9 / 16;
    max-height: 75vh;
  }

  .preview,
  .preview.upright {
    position: absolute;
    inset: 0;
    aspect-ratio: auto;
    max-height: none;
    border-radius: calc(var(--cg-radius) * 0.7);
  }

  .bar {
    display: flex;
    flex-wrap: wrap;
    gap: 0.75rem;
    align-items: end;
  }

  .bar fieldset {
    flex: 1 1 13rem;
  }

  .action {
    flex: 1 1 9rem;
    min-height: 3rem;
    font-size: 1.0625rem;
    border-radius: 12px;
  }

  .action.stop {
    color: var(--cg-surface);
    background: var(--cg-text);
    border-color: transparent;
  }

  .notice {
    padding: 0.6rem 0.8rem;
    border-color: var(--cg-warn);
  }

  summary {
    width: fit-content;
    padding: 0.4rem 0;
    font-size: 0.875rem;
    font-weight: 600;
    color: var(--cg-quiet);
    cursor: pointer;
    border-radius: 6px;
  }

  .settings {
    display: grid;
    gap: 0.75rem;
    grid-template-columns: minmax(0, 1fr);
    padding-top: 0.4rem;
  }

  .nothing {
    margin: auto;
    padding: 1rem;
    color: var(--cg-quiet);
    text-align: center;
  }

  @container castgate (width > 34rem) {
    .settings {
      grid-template-columns: repeat(3, minmax(0, 1fr));
    }
  }
`
