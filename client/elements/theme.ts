import { css } from 'lit'

/**
 * What all elements share: colours, type, buttons, fields, cards. A page changes the colours with `--castgate-accent`,
 * `--castgate-background`, `--castgate-text`, `--castgate-radius` and `--castgate-font`; light or dark follows its `color-scheme`.
 */
export const theme = css`
  :host {
    --cg-page: light-dark(#f5f5f4, #131416);
    --cg-surface: var(--castgate-background, light-dark(#ffffff, #1d1f23));
    --cg-raised: light-dark(#efefed, #282b30);
    --cg-line: light-dark(#d8d8d4, #363a41);
    --cg-text: var(--castgate-text, light-dark(#17181a, #f1f2f4));
    --cg-quiet: light-dark(#5b5e64, #a7acb5);
    --cg-accent: var(--castgate-accent, light-dark(#c41f2e, #d63341));
    --cg-accent-strong: color-mix(in srgb, var(--cg-accent) 84%, #000);
    --cg-on-accent: #ffffff;
    --cg-good: light-dark(#1b7a43, #4cc884);
    --cg-warn: light-dark(#8a5a00, #f0b64a);
    --cg-focus: light-dark(#1d5fd1, #7fb0ff);
    --cg-radius: var(--castgate-radius, 14px);
    --cg-font: var(--castgate-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif);
    font-family: var(--cg-font);
    color: var(--cg-text);
  }

  * {
    box-sizing: border-box;
  }

  h1,
  h2,
  p {
    margin: 0;
  }

  h2 {
    font-size: 0.8125rem;
    font-weight: 650;
    color: var(--cg-quiet);
  }

  .card {
    background: var(--cg-surface);
    border: 1px solid var(--cg-line);
    border-radius: var(--cg-radius);
    padding: 1.125rem;
  }

  .quiet {
    color: var(--cg-quiet);
    font-size: 0.875rem;
  }

  label,
  .label {
    display: block;
    font-size: 0.8125rem;
    font-weight: 600;
    color: var(--cg-quiet);
    margin-bottom: 0.3rem;
  }

  input:is([type='text'], [type='password']),
  select {
    width: 100%;
    min-height: 2.75rem;
    padding: 0 0.75rem;
    font: inherit;
    color: var(--cg-text);
    background: var(--cg-raised);
    border: 1px solid var(--cg-line);
    border-radius: 10px;
    text-overflow: ellipsis;
  }

  input:disabled,
  select:disabled {
    opacity: 0.6;
  }

  button {
    font: inherit;
    font-weight: 600;
    min-height: 2.75rem;
    padding: 0 1rem;
    color: var(--cg-text);
    background: var(--cg-raised);
    border: 1px solid var(--cg-line);
    border-radius: 10px;
    cursor: pointer;
  }

  button:hover:not(:disabled) {
    border-color: var(--cg-quiet);
  }

  button:disabled {
    cursor: default;
    opacity: 0.6;
  }

  button.primary {
    color: var(--cg-on-accent);
    background: var(--cg-accent);
    border-color: transparent;
  }

  button.primary:hover:not(:disabled) {
    background: var(--cg-accent-strong);
  }

  :is(button, input, select, a, video, summary):focus-visible,
  .segment:focus-within {
    outline: 3px solid var(--cg-focus);
    outline-offset: 2px;
  }

  .alert {
    padding: 0.75rem 0.9rem;
    border-radius: 10px;
    border: 1px solid var(--cg-accent);
    background: color-mix(in srgb, var(--cg-accent) 12%, var(--cg-surface));
  }

  .badge {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
    padding: 0.2rem 0.65rem;
    border-radius: 99px;
    font-size: 0.8125rem;
    font-weight: 700;
    font-variant-numeric: tabular-nums;
    color: #fff;
    background: rgb(20 20 22 / 0.72);
  }

  .badge.live {
    background: #c41f2e;
  }

  .badge.waiting {
    background: #8a5a00;
  }

  /* For screen readers alone. */
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }

  .dot {
    width: 0.55rem;
    height: 0.55rem;
    border-radius: 50%;
    background: currentColor;
  }
`
