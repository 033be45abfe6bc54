// Which language is spoken, and how its texts, numbers and times come in.
import type { Locale, Messages } from '@nuxt/ui'
import { createI18n } from 'vue-i18n'
import { shallowRef } from 'vue'

/** A language: its own texts, and the kit's, each in a chunk of its own. */
const languages = {
  en: { texts: () => import('../locales/en.json'), kit: () => import('@nuxt/ui/runtime/locale/en.js') },
}
export type Language = keyof typeof languages

type Texts = typeof import('../locales/en.json')

export const i18n = createI18n<false>({ legacy: false, locale: 'en', fallbackLocale: 'en', messages: {} })

/** The kit's strings and direction for the language now spoken. */
export const kitLocale = shallowRef<Locale<Messages>>()

/** Loads a language, speaks it, and turns the document to its direction. */
export async function loadLocale(language: Language): Promise<void> {
  const [texts, kit] = await Promise.all([languages[language].texts(), languages[language].kit()])
  const own = texts as unknown as { default: Texts }
  i18n.global.setLocaleMessage(language, own.default)
  i18n.global.locale.value = language
  kitLocale.value = kit.default as Locale<Messages>
  document.documentElement.lang = language
  document.documentElement.dir = kit.default.dir
}
