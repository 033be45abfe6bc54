// Was something left out of what an author wrote, or is it the same in other words?

/** Whether `kept` says less than `written`: not where it only has a <tbody>, a space or a semicolon more or less. */
export function isCut(written: string, kept: string): boolean {
  return meant(written) !== meant(kept)
}

/** What a browser makes of it, nothing of which is shown, loaded or run. */
function meant(html: string): string {
  const page = new DOMParser().parseFromString(html, 'text/html')
  return page.documentElement.innerHTML.replace(/[\s;]+/g, '').toLowerCase()
}
