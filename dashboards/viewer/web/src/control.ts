// Alerts, throttles, rules and budgets: what holds now, and the buttons that throttle and undo it.

import { ask, part, type Act } from './act'
import { get, rows, type Answer, type Cell, type Product } from './api'
import { problem, type Drawn } from './board'
import { h, fill } from './dom'
import { to } from './state'
import { table } from './table'
import { moment, rangeOf, seconds } from './time'

/** control draws its tables over a range. */
export function control(host: HTMLElement, product: Product, choice: string): Drawn {
  const ending = new AbortController()
  const dialog = h('dialog', { 'aria-labelledby': 'act-title' })
  const act = (a: Act) => ask(dialog, a, load)
  const episodes = section('Episodes', 'Firing now, and resolved in the range')
  const tenantBoard = (row: Record<string, Cell>) => h('a', { href: to({ page: 'board', arg: 'tollkeeper-tenant', range: choice, variables: { tenant: hex(String(row['tenant'])) } }) }, String(row['tenant']))
  const cell = (c: string, text: string, row: Record<string, Cell>) => (c === 'tenant' && text !== '' ? tenantBoard(row) : badge('status')(c, text))
  const throttles = section('Throttles', 'The newest command of each tenant. A throttle expires by itself when nobody renews it')
  const rules = section('Rules', 'What is watched, the configuration’s and the database’s budgets')
  const standing = section('Budgets', 'All that the rules watch, each in its own time zone; counted every half minute')
  const budgets = section('History of the budgets', 'Every version kept in the database, with who set it; those of the configuration file have their history there')
  const frozen = h('p', { class: 'frozen', role: 'status', hidden: true })
  const freeze = h('button', { type: 'button' }, 'Freeze…')
  if (product.can_act) throttles.tools.append(h('button', { type: 'button', onclick: () => act(apply) }, 'Throttle…'), freeze)
  else throttles.tools.append(h('span', { class: 'note' }, '. No gateway is configured (alerts.throttle.gateway.url): nothing can be throttled from here'))
  throttles.element.insertBefore(frozen, throttles.body)
  fill(host, h('p', { class: 'lead' }, 'What is firing, what the gateway was told, the rules, and the budgets with their history.'),
    episodes.element, throttles.element, rules.element, standing.element, budgets.element, dialog)
  let busy = false
  const load = async () => {
    const r = rangeOf(choice, Date.now())
    if (!r) return
    busy = true
    const shown = async <T>(found: Promise<T>, to: Section, draw: (a: T) => void) => {
      try { draw(await found) } catch (e) { if (!ending.signal.aborted) fill(to.body, problem(e as Error, () => void load())) }
    }
    const from = (query: string) => rows(query, r.from, r.to, 100, {}, ending.signal)
    await Promise.all([
      shown(from('viewer/episodes'), episodes, (a) => table(episodes.body, a, 'Episodes', { empty: 'Nothing fires, and nothing did in this range.', cell, wrap: ['summary'],
        actions: (row) => product.can_act && row['tenant'] && row['status'] !== 'resolved' ? h('button', { type: 'button', onclick: () => act({ ...apply, tenant: String(row['tenant']) }) }, 'Throttle…') : null })),
      shown(from('viewer/throttles'), throttles, (a) => table(throttles.body, a, 'Throttles', {
        empty: 'No tenant was ever throttled.', cell, hidden: ['team', 'key', 'user', 'model'], wrap: ['reason'],
        actions: (row) => product.can_act && held(row) ? h('button', { type: 'button', onclick: () => act(release(row)) }, 'Release…') : null,
      })),
      shown(from('viewer/frozen'), throttles, (a) => tellFrozen(a, frozen, freeze, act)),
      shown(get<{ rules: Record<string, string>[] }>('rules', ending.signal), rules, (a) => table(rules.body, asAnswer(a.rules), 'Rules', { empty: 'No rules are known here.', wrap: ['watches', 'fires'] })),
      shown(from('oncall/budgets'), standing, (a) => table(standing.body, a, 'Budgets', { units: budgetUnits, hidden: ['id'], empty: 'No budgets, or the dashboards role does not run.' })),
      shown(from('viewer/budgets'), budgets, (a) => table(budgets.body, a, 'History of the budgets', { units: { amount: 'currencyUSD' }, empty: 'No budgets in the database.' })),
    ])
    busy = false
  }
  void load()
  return { refresh: () => { if (!busy) void load() }, stop: () => ending.abort() }
}

const kept = 'Who and why are kept in the audit.'
const apply: Act = { title: 'Throttle a tenant', button: 'Throttle', more: true, body: { do: 'apply' }, says: `It ends by itself after these minutes, or when somebody releases it; rules leave the tenant alone meanwhile. ${kept}` }
const stop: Act = { title: 'Freeze automatic throttles', button: 'Freeze', body: { do: 'freeze' }, says: `Rules release what they hold and throttle nobody until somebody unfreezes them. What people applied stays. ${kept}` }
const goOn: Act = { title: 'Unfreeze automatic throttles', button: 'Unfreeze', body: { do: 'unfreeze' }, says: `Rules may throttle again. ${kept}` }

function release(row: Record<string, Cell>): Act {
  const p = part(row)
  return { title: `Release ${p.name}`, button: 'Release', body: { do: 'release', ...p.body }, says: `The gateway lets ${row['part'] ? 'it' : 'the tenant'} go now, until the alerts that fire now are over. ${kept}` }
}

function tellFrozen(a: Answer, frozen: HTMLElement, freeze: HTMLButtonElement, act: (a: Act) => void) {
  const row = a.rows[0]
  frozen.hidden = !row
  if (row) fill(frozen, `Automatic throttles are frozen since ${moment(seconds(String(row[3])))} UTC by ${String(row[1])}: ${String(row[2])}`)
  fill(freeze, row ? 'Unfreeze…' : 'Freeze…')
  freeze.onclick = () => act(row ? goOn : stop)
}

const budgetUnits = { budgeted: 'currencyUSD', spent: 'currencyUSD', left: 'currencyUSD', 'used %': 'percent', 'elapsed %': 'percent', since: 'dateTimeAsIso' }

const held = (row: Record<string, Cell>) => !['released', 'expired', 'failed', 'lost', 'dry run'].includes(String(row['status']))

const hex = (text: string) => [...new TextEncoder().encode(text)].map((x) => x.toString(16).padStart(2, '0').toUpperCase()).join('')

const badge = (column: string) => (c: string, text: string) => (c === column ? h('span', { class: 'badge ' + text.replaceAll(' ', '-') }, text) : null)

function asAnswer(list: Record<string, string>[]): Answer {
  const columns = ['name', 'kind', 'watches', 'fires', 'throttle', 'bites']
  return { columns: columns.map((name) => ({ name: name === 'bites' ? 'throttle is meant for' : name, type: 'String' })), step: 0, cut: false, took: 0, fresh: '', rows: list.map((r) => columns.map((c): Cell => r[c] ?? '')) }
}

type Section = ReturnType<typeof section>

function section(title: string, note: string) {
  const body = h('div', {}, h('div', { class: 'bones' }))
  const tools = h('span', { class: 'tools' })
  return { body, tools, element: h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, title), h('span', { class: 'note' }, note), tools), body) }
}
