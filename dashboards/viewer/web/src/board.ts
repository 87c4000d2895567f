// One board: its panels, each asked for by itself, drawn as its kind says.

import { rows, type Answer, type Board, type Panel } from './api'
import { draw, type Mark } from './chart'
import { h, fill } from './dom'
import { plain, value } from './format'
import { go, to, type Place } from './state'
import { csv, save, table } from './table'
import { rangeOf, seconds, type Range } from './time'

export interface Drawn { refresh: () => void; stop: () => void; repaint?: () => void }

const rowHeight = 30

/** board draws all panels and returns how to ask again. */
export function board(host: HTMLElement, b: Board, place: Place, choice: string): Drawn {
  const ending = new AbortController()
  const panels: ReturnType<typeof panel>[] = []
  const sections = b.rows.map((row) => h('section', { 'aria-label': row.title }, h('h2', {}, row.title),
    h('div', { class: 'grid' }, ...row.panels.map((p) => {
      const drawn = panel(p, b, place, ending.signal)
      panels.push(drawn)
      return drawn.element
    }))))
  fill(host, h('p', { class: 'lead' }, b.description), ...sections)
  let busy = false
  const refresh = async () => {
    const r = rangeOf(choice, Date.now())
    if (!r || busy) return // on a database that is slower than we ask, questions would pile up
    busy = true
    const marks: Mark[] = []
    const all = Promise.all(panels.map((p) => p.want(r, marks)))
    for (const a of b.annotations) {
      try {
        const found = await rows(a.query, r.from, r.to, 100, place.variables, ending.signal)
        for (const x of found.rows) marks.push({ at: seconds(String(x[0])), text: String(x[1]) })
      } catch { /* the panels say what is wrong */ }
    }
    if (marks.length > 0) for (const p of panels) p.mark()
    await all
    busy = false
  }
  void refresh()
  // What is scrolled into sight is brought up to date then.
  const scrolled = () => { for (const p of panels) p.look() }
  addEventListener('scroll', scrolled, { passive: true, signal: ending.signal })
  addEventListener('resize', scrolled, { passive: true, signal: ending.signal })
  return { refresh: () => void refresh(), stop: () => ending.abort(), repaint: () => { for (const p of panels) p.paint() } }
}

function panel(p: Panel, b: Board, place: Place, ending: AbortSignal) {
  const body = h('div', { class: 'body', 'aria-live': 'off' }, h('div', { class: 'bones', 'aria-label': 'loading' }))
  let latest: Answer | null = null
  let asTable = false
  let range: Range | null = null
  let marks: Mark[] = []
  let stale = false
  let clean = () => {}
  const height = Math.max(90, p.height * rowHeight - 46)
  const paint = () => {
    if (!latest || !range) return
    clean()
    clean = () => {}
    if (p.kind === 'stat') stat(body, p, latest)
    else if (p.kind === 'bars' && !asTable) bars(body, p, latest)
    else if (p.kind === 'timeseries' && !asTable) {
      clean = draw(body, latest, range, { unit: p.unit, stacked: p.stacked, height, marks, title: p.title,
        zoom: (z) => go({ page: 'board', arg: b.uid, range: `${z.from}-${z.to}`, variables: place.variables }) })
    } else table(body, latest, p.title, { units: p.columns, hidden: p.hidden, sums: p.sums, cell: (c, text, row) => linked(p, place, c, text, row) })
  }
  const seen = () => { const at = element.getBoundingClientRect(); return at.bottom > 0 && at.top < innerHeight }
  // Asks at once for what has no answer yet, else only for what is in sight; the rest is asked when it comes there.
  const want = async (r: Range, m: Mark[]) => {
    stale = latest !== null && !seen()
    if (stale) { range = r; marks = m } else await load(r, m)
  }
  const look = () => { if (stale && range && seen()) { stale = false; void load(range, marks) } }
  const load = async (r: Range, m: Mark[]) => {
    range = r
    marks = m
    element.setAttribute('aria-busy', 'true')
    try {
      latest = await rows(p.query, r.from, r.to, Math.min(240, Math.max(40, Math.round(p.width * 8))), place.variables, ending, seen)
      element.classList.remove('old')
      paint()
    } catch (e) {
      if (ending.aborted) return
      if (latest) element.classList.add('old')
      else fill(body, problem(e as Error, () => void load(r, m)))
      element.title = latest ? `Not up to date: ${(e as Error).message}` : ''
    } finally {
      element.removeAttribute('aria-busy')
    }
  }
  const swap = p.kind === 'timeseries' || p.kind === 'bars'
    ? h('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false', onclick: (e: Event) => { asTable = !asTable; (e.target as HTMLElement).setAttribute('aria-pressed', String(asTable)); paint() } }, 'Table') : null
  const take = p.kind !== 'stat'
    ? h('button', { type: 'button', class: 'quiet', onclick: () => latest && save(p.query.replaceAll('/', '-') + '.csv', csv(latest, p.hidden)) }, 'CSV') : null
  const note = h('button', { type: 'button', class: 'quiet why', 'aria-label': `About “${p.title}”: ${p.description}`, 'data-tip': p.description }, '?')
  const element = h('article', { class: `panel ${p.kind}`, style: `--span:${p.width};--height:${p.kind === 'stat' ? 0 : p.height * rowHeight}px` },
    h('header', {}, h('h3', {}, p.title), h('span', { class: 'tools' }, swap, take, note)), body)
  return { element, want, look, paint, mark: () => p.kind === 'timeseries' && paint() }
}

function stat(body: HTMLElement, p: Panel, a: Answer) {
  const cell = a.rows[0]?.[a.columns.length - 1] ?? null
  const text = a.rows.length === 0 ? '–' : value(cell, p.unit)
  const bad = p.bad !== null && Number(cell) >= p.bad
  const bound = /^at (least|most) /.exec(text)?.[0] ?? ''
  const said = text.slice(bound.length)
  const long = said.length > 12
  fill(body, h('p', { class: 'big' + (bad ? ' bad' : '') + (long ? ' words' : '') }, bound ? h('small', {}, bound) : null, said, bad && h('span', { class: 'unseen' }, ' (needs a look)')))
}

function bars(body: HTMLElement, p: Panel, a: Answer) {
  const list = a.rows.map((r) => ({ name: String(r[0]), exact: typeof r[1] === 'number' ? plain(r[1]) : String(r[1] ?? '0') }))
  const top = Math.max(...list.map((x) => Math.abs(Number(x.exact))), 0)
  if (top === 0) return fill(body, h('p', { class: 'empty' }, 'Nothing in this range.'))
  fill(body, h('dl', { class: 'barlist' }, ...list.flatMap((x) => [h('dt', {}, x.name),
    h('dd', {}, h('i', { style: `width:${(Math.abs(Number(x.exact)) / top) * 100}%` }), h('b', {}, value(x.exact, p.unit)))])))
}

function linked(p: Panel, place: Place, column: string, text: string, row: Record<string, unknown>): Node | null {
  const link = p.links?.find((l) => l.Column === column)
  const short = /^[0-9a-f]{32}$/i.test(text) ? text.slice(0, 10) + '…' : text
  const title = short === text ? null : text
  if (link && text) return h('a', { href: to({ page: 'board', arg: link.Board, range: place.range, variables: { ...place.variables, [link.Variable]: String(row[link.Value]) } }), title }, short)
  if (column === 'trace' && title) return h('a', { href: to({ page: 'call', arg: text }), title }, short)
  return null
}

/** problem says what went wrong and offers to try again. */
export function problem(e: Error, again: () => void): HTMLElement {
  return h('div', { class: 'problem', role: 'alert' }, h('p', {}, e.message), h('button', { type: 'button', onclick: again }, 'Try again'))
}
