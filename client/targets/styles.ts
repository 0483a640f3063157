import { css } from 'lit'

/** The looks of the list of targets and its form. */
export const targetStyles = css`
  :host {
    display: grid;
    gap: 0.75rem;
    align-content: start;
  }

  ul {
    display: grid;
    gap: 0.75rem;
    margin: 0;
    padding: 0;
    list-style: none;
  }

  ul:not(:has(li)),
  .none {
    display: none;
  }

  li {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem 1rem;
    justify-content: space-between;
  }

  .what {
    display: grid;
    gap: 0.1rem;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .state {
    font-size: 0.875rem;
  }

  .state.live {
    color: var(--cg-good);
  }

  .state:is(.retrying, .failed) {
    color: var(--cg-warn);
  }

  .actions {
    display: flex;
    gap: 0.4rem;
    align-items: start;
  }

  .actions button {
    min-height: 2.25rem;
    padding: 0 0.7rem;
    font-size: 0.8125rem;
  }

  summary {
    font-weight: 600;
    cursor: pointer;
    border-radius: 6px;
  }

  form {
    display: grid;
    gap: 0.75rem;
    padding-top: 0.75rem;
  }

  #key-rule {
    margin-top: 0.3rem;
  }

  a {
    color: inherit;
  }
`
