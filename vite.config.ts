import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { defineConfig, type Plugin, type UserConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Writes each script and style of `dist/client/assets` compressed as well: they are served as they are. */
const compressed: Plugin = {
  name: 'compressed',
  async writeBundle() {
    const directory = here('dist/client/assets')
    for (const file of (await readdir(directory)).filter((name) => /\.(js|css|svg)$/.test(name))) {
      const bytes = await readFile(join(directory, file))
      await writeFile(join(directory, `${file}.gz`), gzipSync(bytes, { level: 9 }))
    }
  },
}

/** The pages, and `castgate.js` for other sites, into `dist/client`, from where the server serves them. */
const pages: UserConfig = {
  root: here('client'),
  plugins: [compressed],
  build: {
    outDir: here('dist/client'),
    emptyOutDir: true,
    // Which file imports which: for scripts/package.mjs.
    manifest: true,
    target: 'es2022',
    // It would name chunks by their paths on this server, also on other sites.
    modulePreload: false,
    // hls.js, which is loaded when a stream plays.
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      input: {
        studio: here('client/studio.html'),
        watch: here('client/watch.html'),
        admin: here('client/admin.html'),
        'embed-broadcast': here('client/embed-broadcast.html'),
        'embed-player': here('client/embed-player.html'),
        castgate: here('client/castgate.ts'),
      },
      // The one that other sites name has a name that stays.
      output: {
        entryFileNames: ({ name }) => (name === 'castgate' ? 'castgate.js' : 'assets/[name]-[hash].js'),
        // Pages of other sites share them, whichever element they use.
        codeSplitting: {
          groups: [
            { name: 'lit', test: /node_modules\/(lit|@lit)/ },
            { name: 'player', test: /client\/player\// },
          ],
        },
      },
    },
  },
}

/** What `import … from 'castgate'` gives, into `dist/sdk`. */
const sdk: UserConfig = {
  root: here('client'),
  build: {
    outDir: here('dist/sdk'),
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: here('client/index.ts'), formats: ['es'], fileName: () => 'castgate.js' },
  },
}

export default defineConfig(({ mode }) => (mode === 'sdk' ? sdk : pages))
