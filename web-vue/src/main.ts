// Where the dashboard starts: brand first, then texts and session, then the page.
import ui from '@nuxt/ui/vue-plugin'
import { createApp } from 'vue'
import App from './App.vue'
import { i18n, loadLocale } from './app/i18n'
import { router } from './app/router'
import { applyBrand } from './branding/branding'
import './main.css'

// After an upgrade the files of the page that is open are gone: one fresh start finds the new ones.
window.addEventListener('vite:preloadError', (event) => {
  const last = Number(sessionStorage.getItem('fresh-start') ?? 0)
  if (Date.now() - last < 60_000) return
  event.preventDefault()
  sessionStorage.setItem('fresh-start', String(Date.now()))
  window.location.reload()
})

applyBrand(document)
await loadLocale('en')
createApp(App).use(i18n).use(router).use(ui).mount('#app')
