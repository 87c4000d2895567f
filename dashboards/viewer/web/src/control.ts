// Alerts, throttles and budgets: what holds now, and the button that undoes a throttle.

import { post, rows, type Cell, type Product } from './api'
import { problem, type Drawn } from './board'
import { h, fill } from './dom'
import { table } from './table'
import { rangeOf } from './time'

/** control draws the three tables over a range. */
export function control(host: HTMLElement, product: Product, choice: string): Drawn {
  const ending = new AbortController()
  const episodes = section('Episodes', 'Firing now, and resolved in the range')
  const throttles = section('Throttles', 'The newest command of each tenant. A throttle expires by itself when nobody renews it')
  const standing = section('Budgets', 'All that the rules watch, each in its own time zone; counted every half minute')
  const budgets = section('History of the budgets', 'Every version kept in the database, with who set it; those of the configuration file have their history there')
  const dialog = h('dialog', { 'aria-labelledby': 'release-title' })
  fill(host, h('p', { class: 'lead' }, 'What is firing, what the gateway was told, and the budgets with their history.'), episodes.element, throttles.element, standing.element, budgets.element, dialog)
  const load = async () => {
    const r = rangeOf(choice, Date.now())
    if (!r) return
    const ask = async (query: string, to: ReturnType<typeof section>, draw: (a: Awaited<ReturnType<typeof rows>>) => void) => {
      try { draw(await rows(query, r.from, r.to, 100, {}, ending.signal)) } catch (e) { if (!ending.signal.aborted) fill(to.body, problem(e as Error, () => void load())) }
    }
    await Promise.all([
      ask('viewer/episodes', episodes, (a) => table(episodes.body, a, 'Episodes', { empty: 'Nothing fires, and nothing did in this range.', cell: badge('status') })),
      ask('viewer/throttles', throttles, (a) => table(throttles.body, a, 'Throttles', {
        empty: 'No tenant was ever throttled.', cell: badge('status'),
        actions: (row) => product.can_release && held(row) ? h('button', { type: 'button', onclick: () => askRelease(dialog, String(row['tenant']), load) }, 'Release…') : null,
      })),
      ask('oncall/budgets', standing, (a) => table(standing.body, a, 'Budgets', { units: budgetUnits, hidden: ['id'], empty: 'No budgets, or the dashboards role does not run.' })),
      ask('viewer/budgets', budgets, (a) => table(budgets.body, a, 'History of the budgets', { units: { amount: 'currencyUSD' }, empty: 'No budgets in the database.' })),
    ])
  }
  void load()
  return { refresh: () => void load(), stop: () => ending.abort() }
}

const budgetUnits = { budgeted: 'currencyUSD', spent: 'currencyUSD', left: 'currencyUSD', 'used %': 'percent', 'elapsed %': 'percent', since: 'dateTimeAsIso' }

const held = (row: Record<string, Cell>) => ['ordered', 'acknowledged', 'effective'].includes(String(row['status']))

const badge = (column: string) => (c: string, text: string) => (c === column ? h('span', { class: 'badge ' + text.replaceAll(' ', '-') }, text) : null)

function section(title: string, note: string) {
  const body = h('div', {}, h('div', { class: 'bones' }))
  return { body, element: h('article', { class: 'panel wide' }, h('header', {}, h('h3', {}, title), h('span', { class: 'note' }, note)), body) }
}

function askRelease(dialog: HTMLDialogElement, tenant: string, done: () => Promise<void>) {
  const author = h('input', { id: 'author', required: true, autocomplete: 'name' })
  const reason = h('input', { id: 'reason', required: true, size: '40' })
  const said = h('p', { role: 'status' })
  const ok = h('button', { type: 'submit', class: 'strong' }, 'Release')
  fill(dialog, h('form', {
    method: 'dialog', onsubmit: async (e: Event) => {
      e.preventDefault()
      ok.disabled = true
      try {
        const r = await post<{ answer: string }>('release', { tenant, author: author.value, reason: reason.value })
        fill(said, `${tenant} is released: ${r.answer}`)
        ok.remove()
        await done()
      } catch (err) {
        fill(said, (err as Error).message)
        ok.disabled = false
      }
    },
  }, h('h2', { id: 'release-title' }, `Release ${tenant}`),
    h('p', {}, 'The gateway lets the tenant go now, until the alerts that fire now are over. Who and why are kept in the audit.'),
    h('label', { for: 'author' }, 'You'), author, h('label', { for: 'reason' }, 'Reason'), reason, said,
    h('p', { class: 'buttons' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'), ok)))
  dialog.showModal()
  author.focus()
}
