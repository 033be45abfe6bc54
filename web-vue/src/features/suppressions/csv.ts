// CSV as the API writes it (RFC 4180): read into rows, and handed to the browser as a file.

/** The rows of a CSV text; quoted values may hold separators, quotes and line ends. */
export function rowsOf(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let value = ''
  let quoted = false
  const end = () => {
    row.push(value)
    value = ''
  }
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!
    if (quoted) {
      if (letter !== '"') value += letter
      else if (text[at + 1] === '"') {
        value += letter
        at += 1
      } else quoted = false
    } else if (letter === '"' && value === '') quoted = true
    else if (letter === ',') end()
    else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[at + 1] === '\n') at += 1
      end()
      rows.push(row)
      row = []
    } else value += letter
  }
  if (value !== '' || row.length > 0) {
    end()
    rows.push(row)
  }
  return rows
}

/** Hands a text to the browser as a file. */
export function save(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
