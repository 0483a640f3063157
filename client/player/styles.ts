import { css } from 'lit'

/**
 * The player's looks. A page sets `--castgate-accent`, `--castgate-background`, `--castgate-text`, `--castgate-radius` and
 * `--castgate-font`, and reaches the parts `video`, `controls`, `message` and `button`.
 */
export const playerStyles = css`
  :host {
    --accent: var(--castgate-accent, #c41f2e);
    --text: var(--castgate-text, #f3f4f6);
    display: block;
    position: relative;
    aspect-ratio: 16 / 9;
    overflow: hidden;
    color: var(--text);
    background: var(--castgate-background, #0d0e10);
    border-radius: var(--castgate-radius, 14px);
    font: 15px / 1.4 var(--castgate-font, system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif);
  }

  /* A picture that stands upright; a page that sets a height or a ratio has its own way. */
  :host([upright]) {
    aspect-ratio: 9 / 16;
    max-height: 85vh;
    margin-inline: auto;
  }

  :host([hidden]) {
    display: none;
  }

  .stage {
    position: absolute;
    inset: 0;
    outline: none;
  }

  .stage:focus-visible {
    outline: 3px solid #7fb0ff;
    outline-offset: -3px;
  }

  video {
    display: block;
    width: 100%;
    height: 100%;
    object-fit: contain;
    background: transparent;
  }

  .message {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    gap: 0.35rem;
    padding: 1rem 1rem 3.5rem;
    text-align: center;
    color: #c6cad2;
    background: rgb(13 14 16 / 0.72);
  }

  .message.soft {
    background: none;
    text-shadow: 0 1px 3px #000;
  }

  .message p {
    margin: 0;
  }

  .message .big {
    font-size: clamp(1.1rem, 4vw, 1.6rem);
    font-weight: 650;
    color: #f3f4f6;
  }

  .top {
    position: absolute;
    top: 0.75rem;
    left: 0.75rem;
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
    align-items: center;
  }

  .controls {
    position: absolute;
    inset: auto 0 0;
    display: flex;
    gap: 0.25rem;
    align-items: center;
    padding: 1.5rem 0.5rem 0.4rem;
    background: linear-gradient(transparent, rgb(0 0 0 / 0.78));
    transition: opacity 0.2s;
  }

  .idle .controls {
    opacity: 0;
  }

  .idle {
    cursor: none;
  }

  .controls:focus-within {
    opacity: 1;
  }

  button {
    flex: none;
    display: inline-grid;
    place-items: center;
    min-width: 2.75rem;
    min-height: 2.75rem;
    padding: 0 0.6rem;
    font: inherit;
    font-weight: 600;
    color: inherit;
    background: none;
    border: 0;
    border-radius: 10px;
    cursor: pointer;
  }

  button:hover {
    background: rgb(255 255 255 / 0.16);
  }

  :is(button, input):focus-visible {
    outline: 3px solid #7fb0ff;
    outline-offset: -2px;
  }

  svg {
    width: 1.5rem;
    height: 1.5rem;
    fill: currentColor;
  }

  .live {
    display: inline-flex;
    gap: 0.4rem;
    align-items: center;
    min-height: 1.9rem;
    padding: 0 0.65rem;
    font-size: 0.8125rem;
    font-weight: 700;
    color: #fff;
    background: rgb(20 20 22 / 0.72);
    border-radius: 99px;
  }

  .live::before {
    content: '';
    width: 0.55rem;
    height: 0.55rem;
    background: currentColor;
    border-radius: 50%;
  }

  .live.on {
    background: var(--accent);
  }

  .unmute {
    min-height: 2.5rem;
    padding: 0 1rem;
    color: #17181a;
    background: #fff;
  }

  .unmute:hover {
    background: #e7e8ea;
  }

  .big-play {
    position: absolute;
    inset: 0;
    width: 4.75rem;
    height: 4.75rem;
    margin: auto;
    color: #fff;
    background: var(--accent);
    border-radius: 50%;
    box-shadow: 0 2px 14px rgb(0 0 0 / 0.4);
  }

  .big-play:hover {
    background: color-mix(in srgb, var(--accent), #000 15%);
  }

  .big-play svg {
    width: 2.5rem;
    height: 2.5rem;
  }

  .sound-alone {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    justify-items: center;
    gap: 0.75rem;
    padding: 1rem 1rem 3.5rem;
    text-align: center;
    overflow-wrap: anywhere;
    pointer-events: none;
  }

  .sound-alone.on-poster {
    background: rgb(13 14 16 / 0.55);
  }

  .sound-alone p {
    margin: 0;
    color: #c6cad2;
  }

  .sound-alone b {
    font-size: clamp(1.1rem, 4vw, 1.6rem);
    color: #f3f4f6;
  }

  .bars {
    display: flex;
    gap: 0.35rem;
    align-items: center;
    height: 3rem;
  }

  .bars i {
    width: 0.4rem;
    height: 100%;
    background: currentColor;
    border-radius: 99px;
    transform: scaleY(0.25);
  }

  .moving .bars i {
    animation: bar 1.1s ease-in-out infinite alternate;
  }

  .bars i:nth-child(2n) {
    animation-duration: 0.8s;
  }

  .bars i:nth-child(3n) {
    animation-duration: 0.95s;
  }

  @keyframes bar {
    to {
      transform: scaleY(1);
    }
  }

  .figures {
    margin-left: auto;
    padding: 0 0.5rem;
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
    color: #d5d8de;
  }

  input[type='range'] {
    width: 5.5rem;
    accent-color: #fff;
  }

  @media (width < 34rem) {
    input[type='range'] {
      display: none;
    }
  }

  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }

  @media (prefers-reduced-motion: reduce) {
    .controls {
      transition: none;
    }

    .moving .bars i {
      animation: none;
      transform: scaleY(0.6);
    }
  }
`
