// The languages in which somebody can be offered to unsubscribe, by their own names, with words to start from.
export const languages = {
  en: { name: 'English', words: 'If you no longer want these mails, [unsubscribe here].' },
  fr: { name: 'Français', words: 'Si vous ne souhaitez plus recevoir ces messages, [désabonnez-vous ici].' },
  de: { name: 'Deutsch', words: 'Wenn Sie diese E-Mails nicht mehr erhalten möchten, [melden Sie sich hier ab].' },
  he: { name: 'עברית', words: 'אם אינכם מעוניינים לקבל עוד הודעות כאלה, [לחצו כאן להסרה].' },
  it: { name: 'Italiano', words: 'Se non desideri più ricevere queste e-mail, [annulla l’iscrizione qui].' },
  pt: { name: 'Português', words: 'Se não quiser mais receber estes e-mails, [cancele a inscrição aqui].' },
  ru: { name: 'Русский', words: 'Если вы больше не хотите получать эти письма, [отпишитесь здесь].' },
  es: { name: 'Español', words: 'Si no desea recibir más estos correos, [cancele la suscripción aquí].' },
} as const
export type Language = keyof typeof languages

/** As a form offers them. */
export const choices = (Object.keys(languages) as Language[]).map((value) => ({ value, label: languages[value].name }))

export function languageOf(code: string): Language {
  return Object.hasOwn(languages, code) ? (code as Language) : 'en'
}

/** A disclaimer in its parts: what stands between [ and ] is the link; without them all of it is. */
export function linked(text: string): { before: string; link: string; after: string } {
  const found = /\[([^[\]]+)\]/.exec(text)
  if (found === null) return { before: '', link: text, after: '' }
  return {
    before: text.slice(0, found.index),
    link: found[1]!,
    after: text.slice(found.index + found[0].length),
  }
}
