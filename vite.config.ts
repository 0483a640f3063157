import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Builds the pages, and `castgate.js` for other sites, into `dist/client`, from where the server serves them. */
export default defineConfig({
  root: here('client'),
  build: {
    outDir: here('dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    // It would name chunks by their paths on this server, also on other sites.
    modulePreload: false,
    // hls.js, which is loaded when a stream plays.
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      input: {
        studio: here('client/studio.html'),
        watch: here('client/watch.html'),
        'embed-broadcast': here('client/embed-broadcast.html'),
        'embed-player': here('client/embed-player.html'),
        castgate: here('client/castgate.ts'),
      },
      // The one that other sites name has a name that stays.
      output: { entryFileNames: ({ name }) => (name === 'castgate' ? 'castgate.js' : 'assets/[name]-[hash].js') },
    },
  },
})
