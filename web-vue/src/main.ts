// Where the dashboard starts: brand first, then texts and session, then the page.
import ui from '@nuxt/ui/vue-plugin'
import { createApp } from 'vue'
import App from './App.vue'
import { i18n, loadLocale } from './app/i18n'
import { router } from './app/router'
import { applyBrand } from './branding/branding'
import './main.css'

applyBrand(document)
await loadLocale('en')
createApp(App).use(i18n).use(router).use(ui).mount('#app')
