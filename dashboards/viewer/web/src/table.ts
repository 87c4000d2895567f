// A table that sorts, adds up and can be taken away as CSV.

import type { Answer, Cell } from './api'
import { h, fill } from './dom'
import { alike, isNumber, plain, sum, value } from './format'

export interface Look {
  units?: Record<string, string> | null
  hidden?: string[] | null
  sums?: string[] | null
  cell?: (column: string, text: string, row: Record<string, Cell>) => Node | null
  actions?: (row: Record<string, Cell>) => Node | null
  empty?: string
  wrap?: string[] // columns whose texts are long: they take more lines instead of being cut
}

/** table draws an answer. Sorting stays while the same element is drawn again. */
export function table(host: HTMLElement & { sorted?: [string, boolean] | undefined }, a: Answer, caption: string, look: Look) {
  const shown = a.columns.map((c, i) => ({ ...c, i })).filter((c) => !look.hidden?.includes(c.name))
  if (a.rows.length === 0) {
    fill(host, h('p', { class: 'empty' }, look.empty ?? 'Nothing in this range.'))
    return
  }
  const order = a.rows.slice()
  if (host.sorted) {
    const [name, down] = host.sorted
    const c = a.columns.findIndex((x) => x.name === name)
    if (c >= 0) order.sort((x, y) => compare(x[c]!, y[c]!, isNumber(a.columns[c]!.type)) * (down ? -1 : 1))
  }
  const head = h('tr', {}, ...shown.map((c) => {
    const now = host.sorted?.[0] === c.name ? (host.sorted[1] ? 'descending' : 'ascending') : 'none'
    return h('th', { scope: 'col', class: isNumber(c.type) ? 'number' : '', 'aria-sort': now },
      h('button', { type: 'button', onclick: () => { host.sorted = [c.name, now === 'none' ? isNumber(c.type) : now === 'ascending']; table(host, a, caption, look) } },
        c.name, h('span', { 'aria-hidden': 'true' }, now === 'ascending' ? ' ▲' : now === 'descending' ? ' ▼' : '')))
  }), look.actions && h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'actions')))
  // What a column is written in: all its cells alike.
  const written = new Map(shown.map((c) => {
    const unit = look.units?.[c.name] ?? (isNumber(c.type) ? 'short' : /^(Nullable\()?DateTime/.test(c.type) ? 'dateTimeAsIso' : undefined)
    return [c.name, unit === 'short' ? alike(a.rows.map((r) => r[c.i] ?? null)) : (x: Cell) => value(x, unit)]
  }))
  const body = order.map((r) => {
    const row = Object.fromEntries(a.columns.map((c, i) => [c.name, r[i] ?? null]))
    return h('tr', {}, ...shown.map((c) => {
      const text = written.get(c.name)!(r[c.i] ?? null)
      return h('td', { class: isNumber(c.type) ? 'number' : look.wrap?.includes(c.name) ? 'wrap' : '', title: text.length > 40 ? text : null }, look.cell?.(c.name, text, row) ?? (text === '' ? '–' : text))
    }), look.actions && h('td', { class: 'actions' }, look.actions(row)))
  })
  const foot = look.sums?.length ? h('tfoot', {}, h('tr', {}, ...shown.map((c, i) => look.sums!.includes(c.name)
    ? h('td', { class: 'number' }, a.rows.every((r) => r[c.i] === null) ? '–' : written.get(c.name)!(sum(a.rows.map((r) => exact(r[c.i]!)))))
    : h('td', {}, i === 0 ? (leastOf(a) ? 'total, at least' : 'total') : '')))) : null
  keep(host, h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, head), h('tbody', {}, ...body), foot)),
    a.cut && h('p', { class: 'note' }, `Only the first ${a.rows.length.toLocaleString('en-US')} rows are shown.`))
}

// A total of amounts is "at least" if one of them is, or if calls without a price are in a row.
function leastOf(a: Answer): boolean {
  return a.columns.some((c, i) => (c.name === 'note' && a.rows.some((r) => String(r[i]).startsWith('at least'))) || (/^unpriced( calls)?$/.test(c.name) && a.rows.some((r) => Number(r[i]) > 0)))
}

// keep fills host anew, as far down and to the right as it was scrolled, with the focus where it was.
function keep(host: HTMLElement, ...children: Parameters<typeof fill>[1][]) {
  const stops = () => [...host.querySelectorAll<HTMLElement>('button, a[href], [tabindex]')]
  const at = stops().indexOf(document.activeElement as HTMLElement)
  const was = host.querySelector('.scroll')
  const [left, top] = [was?.scrollLeft ?? 0, was?.scrollTop ?? 0]
  fill(host, ...children)
  host.querySelector('.scroll')?.scrollTo(left, top)
  if (at >= 0) stops()[at]?.focus({ preventScroll: true })
}

const exact = (c: Cell) => (typeof c === 'number' ? plain(c) : String(c ?? '0'))

function compare(x: Cell, y: Cell, numbers: boolean): number {
  if (x === null || y === null) return Number(y === null) - Number(x === null)
  if (numbers) return Number(x) - Number(y)
  return String(x).localeCompare(String(y))
}

/** csv is the whole answer with exact values. Cells that a spreadsheet would run as a formula are quoted by an apostrophe. */
export function csv(a: Answer, hidden: string[] | null | undefined): string {
  const shown = a.columns.map((c, i) => ({ ...c, i })).filter((c) => !hidden?.includes(c.name))
  const quote = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const safe = (c: Cell | undefined, type: string) => {
    const text = c === null || c === undefined ? '' : typeof c === 'number' ? plain(c) : typeof c === 'object' ? JSON.stringify(c) : String(c)
    return quote(!isNumber(type) && /^[=+\-@\t\r]/.test(text) ? "'" + text : text)
  }
  return [shown.map((c) => quote(c.name)).join(','), ...a.rows.map((r) => shown.map((c) => safe(r[c.i], c.type)).join(','))].join('\r\n') + '\r\n'
}

/** save offers a text as a file. */
export function save(name: string, text: string) {
  const link = h('a', { href: URL.createObjectURL(new Blob([text], { type: 'text/csv' })), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
