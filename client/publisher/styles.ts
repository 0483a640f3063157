import { css } from 'lit'

/** The looks of what the studio and the widget share: preview, sound level, settings. */
export const publisherStyles = css`
  /* Empty, it would still take a gap. */
  [role='alert']:not(:has(p)) {
    display: none;
  }

  .preview {
    position: relative;
    aspect-ratio: 16 / 9;
    border-radius: var(--cg-radius);
    overflow: hidden;
    background: #0d0e10;
    color: #e9eaee;
  }

  .preview.upright {
    aspect-ratio: 9 / 16;
    max-height: 75vh;
    margin-inline: auto;
    max-width: 100%;
  }

  .countdown {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    font-size: 5rem;
    font-weight: 750;
    color: #fff;
    background: rgb(20 20 22 / 0.35);
  }

  .shown {
    font-size: 1.25rem;
    font-weight: 600;
  }

  .offers {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
  }

  .preview.dropping {
    outline: 3px dashed var(--cg-focus);
    outline-offset: -8px;
  }

  video {
    width: 100%;
    height: 100%;
    object-fit: contain;
    display: block;
  }

  video[hidden] {
    display: none;
  }

  video.mirrored {
    transform: scaleX(-1);
  }

  .empty {
    position: absolute;
    inset: 0;
    display: grid;
    gap: 0.9rem;
    place-content: center;
    justify-items: center;
    padding: 1rem;
    text-align: center;
  }

  .empty button {
    color: #f3f4f6;
    background: #2a2d33;
    border-color: #464a52;
  }

  .badges {
    position: absolute;
    top: 0.8rem;
    left: 0.8rem;
    display: flex;
    gap: 0.4rem;
  }

  .sound {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 0.9rem;
    align-items: center;
  }

  .sound .quiet {
    grid-column: 1 / -1;
    margin-bottom: -0.6rem;
  }

  .sound button.muted {
    color: #fff;
    background: #8a5a00;
    border-color: transparent;
  }

  .sound button {
    min-height: 2.25rem;
    min-width: 5.5rem;
    font-size: 0.875rem;
  }

  fieldset {
    border: 0;
    margin: 0;
    padding: 0;
    min-width: 0;
  }

  legend {
    padding: 0;
  }

  .segments {
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: 1fr;
    gap: 0.25rem;
    padding: 0.25rem;
    border-radius: 12px;
    background: var(--cg-raised);
  }

  .segment {
    margin: 0;
    border-radius: 9px;
    font-size: 0.9375rem;
    text-align: center;
  }

  .segment span {
    position: relative;
    display: block;
    padding: 0.5rem 0.25rem;
    border-radius: inherit;
    color: var(--cg-quiet);
  }

  .segment input {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    margin: 0;
    opacity: 0;
    cursor: pointer;
  }

  .segment span:has(input:checked) {
    color: var(--cg-text);
    background: var(--cg-surface);
    box-shadow: 0 1px 3px rgb(0 0 0 / 0.2);
  }

  fieldset:disabled {
    opacity: 0.6;
  }

  input[type='file'] {
    width: 100%;
    font: inherit;
    font-size: 0.875rem;
    color: var(--cg-quiet);
  }

  input[type='file']::file-selector-button {
    font: inherit;
    font-weight: 600;
    min-height: 2.5rem;
    margin-right: 0.75rem;
    padding: 0 0.9rem;
    color: var(--cg-text);
    background: var(--cg-raised);
    border: 1px solid var(--cg-line);
    border-radius: 10px;
  }
`
