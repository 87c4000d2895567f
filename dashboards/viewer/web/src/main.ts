// The shell: navigation, the range, refreshing, the theme, and the token where one is asked for.

import 'uplot/dist/uPlot.min.css'
import './style.css'
import { get, post, Refused, rows, type Board, type Product } from './api'
import { board, problem, type Drawn } from './board'
import { call, prices } from './call'
import { control } from './control'
import { h, fill } from './dom'
import { start } from './start'
import { go, here, to, type Place } from './state'
import { moment, presets, rangeOf } from './time'

const app = document.getElementById('app')!
const refreshEvery = 10_000
let product: Product
let drawn: Drawn | null = null

const pages: [string, string][] = [['control', 'Alerts'], ['call', 'Explain'], ['prices', 'Prices'], ['start', 'First steps']]

async function begin() {
  theme(localStorage.getItem('theme') ?? '')
  try {
    product = await get<Product>('boards')
  } catch (e) {
    if (e instanceof Refused && e.status === 401) return login()
    fill(app, h('main', {}, problem(e as Error, () => void begin())))
    return
  }
  window.addEventListener('hashchange', moved)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (!localStorage.getItem('theme')) theme('') })
  setInterval(() => { if (!document.hidden && !document.querySelector('dialog[open]')) drawn?.refresh() }, refreshEvery)
  if (!here().page) {
    const shell = h('main', { id: 'main', 'aria-busy': 'true' }, h('div', { class: 'bones', 'aria-label': 'loading' }))
    fill(app, head(here(), undefined, 'now-24h'), shell) // on a busy database the answer takes its time
    const now = Math.floor(Date.now() / 1000)
    const any = await rows('viewer/first', now - 3600, now, 100, {}).then((a) => a.rows.length > 0, () => true)
    location.replace(any ? to({ page: 'board', arg: product.boards[0]!.uid }) : to({ page: 'start' }))
    if (location.hash) return
  }
  show()
}

// A page that was gone to has the focus, or what had it where that is still there: a choice of the range, say. The first page has none, so
// that Tab begins at the top.
function moved() {
  if (!document.querySelector('h1')) return show()
  const id = document.activeElement?.id
  show()
  const again = id ? document.getElementById(id) : null
  ;(again ?? document.getElementById('main'))?.focus({ preventScroll: true })
}

function show() {
  drawn?.stop()
  drawn = null
  const place = here()
  const b = place.page === 'board' ? product.boards.find((x) => x.uid === place.arg) : undefined
  const title = b?.title ?? pages.find(([p]) => p === place.page)?.[1] ?? 'Not found'
  document.title = `${title} · Tollkeeper`
  const choice = rangeOf(place.range, Date.now()) ? place.range : (b?.from ?? 'now-24h')
  const main = h('main', { id: 'main', tabindex: '-1' })
  fill(app, h('a', { class: 'skip', href: '#main', onclick: (e: Event) => { e.preventDefault(); main.focus() } }, 'To the content'), head(place, b, choice), main)
  const content = h('div', {})
  fill(main, h('div', { class: 'title' }, h('h1', {}, title), h('div', { class: 'choices' })), content)
  if (b) void withVariables(main.querySelector('.choices')!, content, b, place, choice)
  else if (place.page === 'control') drawn = control(content, product, choice)
  else if (place.page === 'call') call(content, place.arg)
  else if (place.page === 'prices') prices(content)
  else if (place.page === 'start') drawn = start(content, product)
  else fill(content, h('p', { class: 'empty' }, 'There is no such page.'))
}

// A board that needs a choice (which tenant) gets its list first; without one in the address the first is taken.
async function withVariables(choices: Element, content: HTMLElement, b: Board, place: Place, choice: string) {
  const range = rangeOf(choice, Date.now())!
  if (b.variables.length > 0) fill(content, h('div', { class: 'bones', 'aria-label': 'loading' }))
  for (const v of b.variables) {
    const select = h('select', { id: 'var-' + v.name, onchange: () => go({ ...place, range: place.range, variables: { ...place.variables, [v.name]: select.value } }) })
    choices.append(h('label', { for: 'var-' + v.name }, v.label), select)
    try {
      const a = await rows(v.query, range.from, range.to, 100, place.variables)
      if (here().arg !== b.uid) return
      const chosen = place.variables[v.name] ?? String(a.rows[0]?.[0] ?? '')
      const options = a.rows.map((r): [string, string] => [String(r[0]), String(r[1] ?? r[0])])
      if (chosen && !options.some(([id]) => id === chosen)) options.unshift([chosen, a.columns.length > 1 ? named(chosen) : chosen])
      for (const [id, text] of options) select.append(h('option', { value: id, selected: id === chosen }, text || '(none)'))
      place = { ...place, variables: { ...place.variables, [v.name]: chosen } }
      if (!chosen) return fill(content, h('p', { class: 'empty' }, `No ${v.label.toLowerCase()} in this range.`))
    } catch (e) {
      return fill(content, problem(e as Error, show))
    }
  }
  drawn = board(content, b, place, choice)
}

// A choice that the list lacks is shown by its name where its value is a name in hex, else as it is.
function named(hex: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) return hex
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(hex.match(/../g)!, (x) => parseInt(x, 16)))
    return /\p{C}/u.test(text) ? hex : text
  } catch {
    return hex
  }
}

function head(place: Place, b: Board | undefined, choice: string): HTMLElement {
  const current = (yes: boolean) => (yes ? 'page' : null)
  const ranged = b !== undefined || place.page === 'control'
  const fixed = rangeOf(choice, Date.now())!
  const select = h('select', { id: 'range', 'aria-label': 'Time range', onchange: () => go({ ...place, range: select.value }) },
    ...presets.map(([id, text]) => h('option', { value: id, selected: id === choice }, text)),
    !presets.some(([id]) => id === choice) && h('option', { value: choice, selected: true }, `${moment(fixed.from)} – ${moment(fixed.to)}`))
  return h('header', { class: 'top' },
    h('a', { class: 'brand', href: to({ page: 'board', arg: product.boards[0]!.uid }) }, 'Tollkeeper'),
    h('nav', { 'aria-label': 'Pages' }, ...product.boards.map((x) => h('a', { href: to({ page: 'board', arg: x.uid, range: place.range }), 'aria-current': current(x === b) }, x.title)),
      ...pages.map(([p, text]) => h('a', { href: to({ page: p, range: p === 'control' ? place.range : '' }), 'aria-current': current(p === place.page) }, text))),
    h('div', { class: 'right' }, ranged && select, ranged && h('span', { class: 'zone' }, 'UTC'),
      h('button', { type: 'button', onclick: () => (drawn ? drawn.refresh() : show()) }, 'Refresh'),
      h('button', { type: 'button', 'aria-label': 'Dark or light', onclick: () => theme(dark() ? 'light' : 'dark', true) }, '◐')))
}

const dark = () => (document.documentElement.dataset['theme'] || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark'

function theme(name: string, again = false) {
  document.documentElement.dataset['theme'] = name === 'dark' || name === 'light' ? name : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  if (again) localStorage.setItem('theme', name)
  drawn?.repaint?.() // charts are drawn in the theme's colours
}

function login() {
  const token = h('input', { type: 'password', id: 'token', autocomplete: 'current-password', required: true })
  const said = h('p', { role: 'alert' })
  fill(app, h('main', { class: 'login' }, h('h1', {}, 'Tollkeeper'), h('form', {
    onsubmit: async (e: Event) => {
      e.preventDefault()
      try { await post('login', { token: token.value }); await begin() } catch (err) { fill(said, (err as Error).message) }
    },
  }, h('label', { for: 'token' }, 'Token of the viewer'), token, said, h('button', { type: 'submit', class: 'strong' }, 'Open'))))
  token.focus()
}

void begin()
