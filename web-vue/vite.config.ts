// How the dashboard is built and, in development, where its API is.
import { fileURLToPath } from 'node:url'
import vueI18n from '@intlify/unplugin-vue-i18n/vite'
import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const api = process.env.API_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [
    vue(),
    ui({
      autoImport: false,
      components: { dts: 'components.d.ts', dirs: [] },
      // The palette that a brand's colour replaces at run time (src/branding).
      ui: {
        colors: { primary: 'teal', neutral: 'zinc', success: 'emerald', warning: 'amber', error: 'red', info: 'sky' },
        // The kit fades a button under the pointer until its text can no longer be read.
        button: {
          compoundVariants: [
            {
              color: 'primary',
              variant: 'solid',
              class: 'hover:bg-primary active:bg-primary hover:brightness-95 active:brightness-90',
            },
            {
              color: 'error',
              variant: 'solid',
              class: 'hover:bg-error active:bg-error hover:brightness-95 active:brightness-90',
            },
          ],
        },
      },
      // Icons are part of the bundle: the browser asks no other host.
      icon: { clientBundle: { scan: { globInclude: ['src/**/*.{vue,ts}'] } } },
    }),
    vueI18n({
      include: fileURLToPath(new URL('./src/locales/*.json', import.meta.url)),
      runtimeOnly: true,
      dropMessageCompiler: true,
      strictMessage: true,
      fullInstall: false,
    }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: { manifest: true, target: 'es2022', chunkSizeWarningLimit: 700 },
  server: { host: '127.0.0.1', proxy: { '/graphql': { target: api, ws: true } } },
})
