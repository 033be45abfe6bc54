// Which language is spoken, and how its texts, numbers and times come in.
import type { Locale } from '@nuxt/ui'
import { createI18n, type I18n } from 'vue-i18n'
import { shallowRef } from 'vue'

/** A language: its own texts, and the kit's, each in a chunk of its own. */
const languages = {
  en: { texts: () => import('../locales/en.json'), kit: () => import('@nuxt/ui/runtime/locale/en.js') },
}
export type Language = keyof typeof languages

type Texts = typeof import('../locales/en.json')

export const i18n: I18n<object, object, object, string, false> = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: {},
})

/** The kit's strings and direction for the language now spoken. */
export const kitLocale = shallowRef<Locale<unknown>>()

/** Loads a language, speaks it, and turns the document to its direction. */
export async function loadLocale(language: Language): Promise<void> {
  const [texts, kit] = await Promise.all([languages[language].texts(), languages[language].kit()])
  const own = texts as unknown as { default: Texts }
  i18n.global.setLocaleMessage(language, own.default)
  i18n.global.locale.value = language
  kitLocale.value = kit.default as Locale<unknown>
  document.documentElement.lang = language
  document.documentElement.dir = kit.default.dir
}
