import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Builds the pages into `dist/client`, from where the server serves them. */
export default defineConfig({
  root: here('client'),
  build: {
    outDir: here('dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // hls.js, which is loaded when a stream plays.
    chunkSizeWarningLimit: 700,
    rollupOptions: { input: [here('client/studio.html'), here('client/watch.html')] },
  },
})
