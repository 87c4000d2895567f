// What a person does about throttles: the dialogs that ask who, why and what, and send it.

import { post, rows, type Cell } from './api'
import { h, fill } from './dom'

export interface Act { title: string; says: string; button: string; body: Record<string, unknown>; more?: boolean; tenant?: string }

/** part is whom a row of the throttles is about: a tenant, or the part of one that it names. */
export function part(row: Record<string, Cell>): { name: string; body: Record<string, unknown> } {
  const body: Record<string, unknown> = {}
  for (const k of ['tenant', 'team', 'key', 'user', 'model']) if (row[k]) body[k] = row[k]
  return { name: [row['tenant'], row['part']].filter(Boolean).join(', '), body }
}

/** ask opens the dialog of an act; done runs after it was taken. With more it also asks whom and how hard. */
export function ask(dialog: HTMLDialogElement, act: Act, done: () => Promise<void>) {
  const field = (id: string, label: string, props: Record<string, unknown>) => {
    const input = h('input', { id, ...props })
    return { input, row: [h('label', { for: id }, label), input] }
  }
  const tenant = field('act-tenant', 'Tenant', { required: true, list: 'act-tenants', value: act.tenant ?? '', autocomplete: 'off' })
  const known = h('datalist', { id: 'act-tenants' })
  if (act.more) void tenants().then((names) => fill(known, ...names.map((name) => h('option', { value: name }))), () => {})
  const level = h('select', { id: 'act-level', onchange: () => limited() }, ...[['slow', 'slow: a pace'], ['cap', 'cap: a sum a minute'], ['block', 'block: everything is refused']].map(([id, text]) => h('option', { value: id }, text!)))
  const requests = field('act-requests', 'Requests a minute', { type: 'number', min: '1', step: '1', value: '30' })
  const usd = field('act-usd', 'USD a minute', { inputmode: 'decimal', pattern: '[0-9]+([.][0-9]{1,12})?', placeholder: 'not limited' })
  const minutes = field('act-minutes', 'Minutes', { type: 'number', min: '1', max: '60', step: '1', value: '15', required: true })
  const limited = () => { for (const f of [requests, usd]) f.input.disabled = level.value === 'block' }
  const author = field('author', 'You', { required: true, autocomplete: 'name' })
  const reason = field('reason', 'Reason', { required: true, size: '40' })
  const said = h('p', { role: 'status' })
  const ok = h('button', { type: 'submit', class: 'strong' }, act.button)
  const body = () => ({
    ...act.body, author: author.input.value, reason: reason.input.value,
    ...(act.more ? { tenant: tenant.input.value, level: level.value, minutes: Number(minutes.input.value), ...(level.value === 'block' ? {} : { requests: Number(requests.input.value), usd: usd.input.value.trim() }) } : {}),
  })
  fill(dialog, h('form', {
    method: 'dialog', onsubmit: async (e: Event) => {
      e.preventDefault()
      ok.disabled = true
      try {
        const r = await post<{ answer: string }>('act', body())
        fill(said, `Done: ${r.answer}`)
        ok.remove()
        await done()
      } catch (err) {
        fill(said, (err as Error).message)
        ok.disabled = false
      }
    },
  }, h('h2', { id: 'act-title' }, act.title), h('p', {}, act.says),
    ...(act.more ? [...tenant.row, known, h('label', { for: 'act-level' }, 'Level'), level, ...requests.row, ...usd.row, ...minutes.row] : []),
    ...author.row, ...reason.row, said,
    h('p', { class: 'buttons' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'), ok)))
  dialog.showModal()
  ;(act.more && !act.tenant ? tenant : author).input.focus()
}

// Who has called in the last day, to choose from: a mistyped name is nobody's throttle.
async function tenants(): Promise<string[]> {
  const now = Math.floor(Date.now() / 1000)
  const a = await rows('tenant/tenants', now - 86400, now, 100, {})
  return a.rows.map((r) => String(r[1] ?? r[0]))
}
