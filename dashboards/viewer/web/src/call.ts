// The page that explains a call, and the one of prices.

import { get, type Answer, type Cell } from './api'
import { problem } from './board'
import { h, fill } from './dom'
import { go } from './state'
import { csv, save, table } from './table'

interface Explained { text: string; reports: { total: string; unpriced?: string; model: string; provider: string; tenant: string }[] }

/** call asks for a trace and shows everything behind its amounts. */
export function call(host: HTMLElement, arg: string) {
  const input = h('input', { id: 'trace', value: arg, placeholder: 'trace id, or trace/span, in hex', size: '52', spellcheck: 'false', autocomplete: 'off' })
  const out = h('div', {})
  fill(host, h('p', { class: 'lead' }, 'From an amount to its counts: what each span said, how it was read, the price and the sum, who pays, and which report gave way to which.'),
    h('form', { class: 'bar', onsubmit: (e: Event) => { e.preventDefault(); go({ page: 'call', arg: input.value.trim() }) } },
      h('label', { for: 'trace' }, 'Call'), input, h('button', { type: 'submit' }, 'Explain')), out)
  if (!arg) {
    fill(out, h('p', { class: 'empty' }, 'The most expensive calls of a tenant are on its board; their trace ids lead here.'))
    return
  }
  const load = async () => {
    fill(out, h('div', { class: 'bones' }))
    try {
      const x = await get<Explained>('call/' + arg.split('/').map(encodeURIComponent).join('/'))
      const paragraphs = x.text.trimEnd().split(/\n\n(?=report )/)
      fill(out, ...paragraphs.map((text, i) => h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, `${x.reports[i]?.provider ?? ''} ${x.reports[i]?.model ?? ''}`)), h('pre', { tabindex: '0' }, text))))
    } catch (e) {
      fill(out, problem(e as Error, () => void load()))
    }
  }
  void load()
}

interface PriceRow { provider: string; model: string; tier: string; usd_per_million: Record<string, string>; usd_per_unit?: Record<string, string>; from?: string; to?: string; override?: boolean; tenant?: string; source?: string; checked?: string }
interface Prices { rows: PriceRow[]; total: number; providers: string[]; version: string }

const buckets = ['fresh_input', 'cache_read', 'cache_write_5m', 'text_output', 'reasoning']

/** prices lists what is in force now. */
export function prices(host: HTMLElement) {
  const model = h('input', { id: 'model', placeholder: 'part of a model’s name', spellcheck: 'false', oninput: () => later() })
  const provider = h('select', { id: 'provider', onchange: () => void load() }, h('option', { value: '' }, 'all providers'))
  const out = h('article', { class: 'panel wide' }, h('div', { class: 'bones', 'aria-label': 'loading' }))
  const note = h('p', { class: 'lead' }, 'Published prices in force now, in USD per million tokens, with negotiated ones laid over them.')
  fill(host, note, h('form', { class: 'bar', onsubmit: (e: Event) => e.preventDefault() }, h('label', { for: 'provider' }, 'Provider'), provider, h('label', { for: 'model' }, 'Model'), model), out)
  let timer = 0
  const later = () => { clearTimeout(timer); timer = window.setTimeout(() => void load(), 200) }
  const load = async () => {
    try {
      const p = await get<Prices>(`prices?${new URLSearchParams({ provider: provider.value, model: model.value.trim() })}`)
      if (provider.options.length === 1) for (const name of p.providers) provider.append(h('option', { value: name }, name))
      const a = asAnswer(p.rows)
      const body = h('div', {})
      fill(out, h('header', {}, h('h2', {}, `${p.total.toLocaleString('en-US')} models`), h('span', { class: 'tools' }, h('span', { class: 'note' }, `price book ${p.version}`),
        h('button', { type: 'button', class: 'quiet', onclick: () => save('prices.csv', csv(a, null)) }, 'CSV'))), body,
        p.total > p.rows.length && h('p', { class: 'note' }, `The first ${p.rows.length} are shown: narrow by provider or name.`))
      table(body, a, 'Prices', { units: Object.fromEntries([...priced].map((name) => [name, 'string'])), empty: 'No model of that name has a price. A price file of yours can add it.',
        cell: (c, text, row) => c === 'source' && /^https?:\/\//.test(text) ? h('a', { href: text, rel: 'noreferrer noopener', target: '_blank' }, new URL(text).hostname) : c === 'model' && row['note'] ? h('span', {}, text, h('small', { class: 'note' }, ` ${String(row['note'])}`)) : null })
    } catch (e) {
      fill(out, problem(e as Error, () => void load()))
    }
  }
  void load()
}

const priced = new Set(buckets.map((b) => b.replaceAll('_', ' ')))

function asAnswer(rows: PriceRow[]): Answer {
  const columns = ['provider', 'model', ...buckets.map((b) => b.replaceAll('_', ' ')), 'per unit', 'since', 'source', 'checked']
  return {
    columns: columns.map((name) => ({ name, type: priced.has(name) ? 'Nullable(Decimal)' : 'String' })), step: 0, cut: false, took: 0, fresh: '',
    rows: rows.map((r): Cell[] => [r.provider, r.model + (r.override ? ' *' : ''), ...buckets.map((b) => r.usd_per_million[b] ?? null),
      Object.entries(r.usd_per_unit ?? {}).map(([u, x]) => `${u} ${x}`).join(', '), (r.from ?? '').slice(0, 10), r.source ?? '', r.checked ?? '']),
  }
}
