// First steps: how to send, per SDK, and a light that turns green when the first call has arrived.

import { rows, type Answer, type Product } from './api'
import type { Drawn } from './board'
import { h, fill } from './dom'
import snippets from './snippets.json'
import { to } from './state'
import { table } from './table'
import { ago, seconds } from './time'

const shell = 'shell'

/** start shows the snippets and watches for calls. */
export function start(host: HTMLElement, product: Product): Drawn {
  const ending = new AbortController()
  const light = h('p', { class: 'light', role: 'status' }, 'Waiting for the first call…')
  const seen = h('div', {})
  const help = h('div', { class: 'help' })
  fill(host, h('p', { class: 'lead' }, 'Point any OTLP exporter here; say who pays with the resource attribute tenant.id. Nothing else is needed, but a key where your operator asks for one: OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20tk_…".'),
    h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, 'Send')), ...chooser(product)),
    h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, 'Arrived in the last hour')), light, seen, help))
  const load = async () => {
    try {
      const now = Math.floor(Date.now() / 1000)
      const ask = (query: string) => rows(query, now - 3600, now, 100, {}, ending.signal)
      const a = await ask('viewer/first')
      const spans = a.rows.length > 0 ? null : await ask('viewer/arrived')
      light.classList.toggle('on', a.rows.length > 0)
      fill(help, ...(spans ? checks(product) : []))
      if (spans) return tellSpans(spans, light, seen)
      fill(light, h('span', {}, `Calls arrive; the newest ${newest(a)}. `, h('a', { href: to({ page: 'board', arg: product.boards[0]?.uid ?? '', range: 'now-1h' }) }, 'See the spend')))
      table(seen, a, 'Arrived in the last hour', { units: { spend: 'currencyUSD' } })
    } catch (e) {
      if (!ending.signal.aborted) { light.classList.remove('on'); fill(light, (e as Error).message) }
    }
  }
  void load()
  return { refresh: () => void load(), stop: () => ending.abort() }
}

// The tabs and what they show. One stop for Tab; arrows, Home and End go through the tabs.
function chooser(product: Product) {
  const steps = h('div', { id: 'snippet', role: 'tabpanel', tabindex: '0' })
  const tabs = snippets.map(({ name }, i) => h('button', { id: `tab-${i}`, type: 'button', role: 'tab', 'aria-controls': 'snippet', onclick: () => choose(i) }, name))
  const choose = (chosen: number) => {
    tabs.forEach((t, i) => { t.setAttribute('aria-selected', String(i === chosen)); t.tabIndex = i === chosen ? 0 : -1 })
    steps.setAttribute('aria-labelledby', `tab-${chosen}`)
    const snippet = snippets[chosen]!
    fill(steps, ...snippet.steps.flatMap((s) => step(s.in, addressed(s.text.join('\n'), product))),
      snippet.tested.length > 0 && h('p', { class: 'note' }, `Tested with ${snippet.tested.join(', ')}.`))
  }
  const keys = (e: KeyboardEvent) => {
    const now = tabs.indexOf(document.activeElement as HTMLButtonElement)
    const next = { ArrowRight: (now + 1) % tabs.length, ArrowLeft: (now + tabs.length - 1) % tabs.length, Home: 0, End: tabs.length - 1 }[e.key]
    if (now < 0 || next === undefined) return
    e.preventDefault()
    choose(next)
    tabs[next]!.focus()
  }
  choose(0)
  return [h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Instrumentation', onkeydown: keys }, ...tabs), steps]
}

const addressed = (text: string, p: Product) => text.replaceAll('{grpc}', p.otlp_grpc || '127.0.0.1:4317').replaceAll('{http}', p.otlp_http || '127.0.0.1:4318')

function step(where: string, text: string) {
  const copy = h('button', { type: 'button', 'aria-label': `Copy ${where}`, onclick: async () => { await navigator.clipboard.writeText(text); fill(copy, 'Copied'); setTimeout(() => fill(copy, 'Copy'), 1500) } }, 'Copy')
  return [h('header', {}, h('h3', {}, where === shell ? 'In a shell' : where), h('span', { class: 'tools' }, copy)), h('pre', {}, text)]
}

// Without a call: what arrived instead, if anything did.
function tellSpans(a: Answer, light: HTMLElement, seen: HTMLElement) {
  if (a.rows.length === 0) {
    fill(light, 'Waiting for the first call… Nothing has arrived in the last hour.')
    return fill(seen)
  }
  const sum = (name: string) => a.rows.reduce((n, r) => n + Number(r[a.columns.findIndex((c) => c.name === name)]), 0)
  fill(light, h('span', {}, `Spans arrive, the newest from ${newest(a)}, and none of them is a call of a model. ${sum('of a model') > 0
    ? 'Some name a model, and stand around a call or carry no usage that is known here: the span of the call itself is missing.'
    : 'The instrumentation of your model’s client is missing, or could not be loaded: choose yours above.'}`))
  table(seen, a, 'Spans that arrived in the last hour', {})
}

function newest(a: Answer): string {
  return ago(seconds(String(a.rows[0]![a.columns.findIndex((c) => c.name === 'last')])), Date.now())
}

function checks(p: Product) {
  return [h('h3', {}, 'No call arrives?'), h('ul', { class: 'checks' },
    h('li', {}, 'Where the app runs, ', h('code', {}, addressed('curl -i http://{http}/v1/traces -H content-type:application/json -d {}', p)), ' has to answer 200; 401 asks for a key.'),
    h('li', {}, addressed('{grpc} speaks gRPC and {http} HTTP: OTEL_EXPORTER_OTLP_PROTOCOL has to be grpc or http/protobuf to fit.', p)),
    h('li', {}, 'opentelemetry-instrument is silent about an instrumentation that it can’t import. Import it by hand: ', h('code', {}, 'python -c "import opentelemetry.instrumentation.genai.openai"'), ' has to say nothing.'),
    h('li', {}, 'SDKs send every few seconds and when the app ends; an app that is killed before sends nothing.'))]
}
