// First steps: how to send, per SDK, and a light that turns green when the first call has arrived.

import { rows, type Product } from './api'
import type { Drawn } from './board'
import { h, fill } from './dom'
import { to } from './state'
import { table } from './table'
import { ago, seconds } from './time'

const snippets: [string, (p: Product) => string][] = [
  ['Any OpenTelemetry SDK', (p) => `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${p.otlp_http || '127.0.0.1:4318'}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_RESOURCE_ATTRIBUTES=service.name=my-app,tenant.id=acme`],
  ['Python, OpenAI', (p) => `pip install opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-instrumentation-openai-v2
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${p.otlp_grpc || '127.0.0.1:4317'}
export OTEL_RESOURCE_ATTRIBUTES=service.name=my-app,tenant.id=acme
opentelemetry-instrument python my_app.py`],
  ['OpenLLMetry', (p) => `from traceloop.sdk import Traceloop
Traceloop.init(app_name="my-app", api_endpoint="http://${p.otlp_http || '127.0.0.1:4318'}",
               resource_attributes={"tenant.id": "acme"})`],
  ['OpenInference', (p) => `from openinference.instrumentation.openai import OpenAIInstrumentor
from phoenix.otel import register
# OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme
OpenAIInstrumentor().instrument(tracer_provider=register(endpoint="http://${p.otlp_http || '127.0.0.1:4318'}/v1/traces"))`],
  ['Vercel AI SDK', (p) => `// instrumentation.ts
import { registerOTel } from '@vercel/otel'
registerOTel({ serviceName: 'my-app', attributes: { 'tenant.id': 'acme' } })
// every call: generateText({ …, experimental_telemetry: { isEnabled: true } })
// OTEL_EXPORTER_OTLP_ENDPOINT=http://${p.otlp_http || '127.0.0.1:4318'}`],
  ['LiteLLM proxy', (p) => `# config.yaml
litellm_settings:
  callbacks: ["otel"]
# OTEL_EXPORTER=otlp_http OTEL_ENDPOINT=http://${p.otlp_http || '127.0.0.1:4318'}/v1/traces
# OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme`],
  ['LiteLLM, as a library', (p) => `export OTEL_EXPORTER=otlp_http OTEL_ENDPOINT=http://${p.otlp_http || '127.0.0.1:4318'}/v1/traces
export OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme OTEL_SERVICE_NAME=my-app
export USE_OTEL_LITELLM_REQUEST_SPAN=true  # else a call is written onto your own open span, over the one before
# in the app: litellm.callbacks = ["otel"]`],
  ['Claude Code', (p) => `export CLAUDE_CODE_ENABLE_TELEMETRY=1 OTEL_LOGS_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=grpc
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${p.otlp_grpc || '127.0.0.1:4317'} OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme`],
  ['Codex', (p) => `# ~/.codex/config.toml; traces alone are not enough
[otel]
exporter = { otlp-http = { endpoint = "http://${p.otlp_http || '127.0.0.1:4318'}/v1/logs", protocol = "binary" } }
# OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme`],
  ['Gemini CLI', (p) => `// ~/.gemini/settings.json
{ "telemetry": { "enabled": true, "target": "local", "useCollector": true,
  "otlpEndpoint": "http://${p.otlp_grpc || '127.0.0.1:4317'}", "logPrompts": false } }
// OTEL_RESOURCE_ATTRIBUTES=tenant.id=acme`],
  ['A recording, to try it', (p) => `tollkeeper replay collector/genai/testdata/recordings --tenant acme --to ${p.otlp_grpc || '127.0.0.1:4317'}`],
]

/** start shows the snippets and watches for calls. */
export function start(host: HTMLElement, product: Product): Drawn {
  const ending = new AbortController()
  const light = h('p', { class: 'light', role: 'status' }, 'Waiting for the first call…')
  const seen = h('div', {})
  const code = h('pre', { id: 'snippet', role: 'tabpanel', tabindex: '0' })
  // One stop for Tab; arrows, Home and End go through the tabs.
  const tabs = snippets.map(([name], i) => h('button', { id: `tab-${i}`, type: 'button', role: 'tab', 'aria-controls': 'snippet', onclick: () => choose(i) }, name))
  const choose = (chosen: number) => {
    tabs.forEach((t, i) => { t.setAttribute('aria-selected', String(i === chosen)); t.tabIndex = i === chosen ? 0 : -1 })
    code.setAttribute('aria-labelledby', `tab-${chosen}`)
    fill(code, snippets[chosen]![1](product))
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
  const copy = h('button', { type: 'button', onclick: async () => { await navigator.clipboard.writeText(code.textContent ?? ''); fill(copy, 'Copied'); setTimeout(() => fill(copy, 'Copy'), 1500) } }, 'Copy')
  fill(host, h('p', { class: 'lead' }, 'Point any OTLP exporter here; say who pays with the resource attribute tenant.id. Nothing else is needed, but a key where your operator asks for one: OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20tk_…".'),
    h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, 'Send'), h('span', { class: 'tools' }, copy)), h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Instrumentation', onkeydown: keys }, ...tabs), code),
    h('article', { class: 'panel wide' }, h('header', {}, h('h2', {}, 'Arrived in the last hour')), light, seen))
  const load = async () => {
    try {
      const now = Math.floor(Date.now() / 1000)
      const a = await rows('viewer/first', now - 3600, now, 100, {}, ending.signal)
      light.classList.toggle('on', a.rows.length > 0)
      const last = a.columns.findIndex((c) => c.name === 'last')
      fill(light, a.rows.length > 0 ? `Calls arrive; the newest ${ago(seconds(String(a.rows[0]![last])), Date.now())}. ` : 'Waiting for the first call…',
        a.rows.length > 0 && h('a', { href: to({ page: 'board', arg: product.boards[0]?.uid ?? '', range: 'now-1h' }) }, 'See the spend'))
      if (a.rows.length > 0) table(seen, a, 'Arrived in the last hour', { units: { spend: 'currencyUSD' } })
      else fill(seen)
    } catch (e) {
      if (!ending.signal.aborted) { light.classList.remove('on'); fill(light, (e as Error).message) }
    }
  }
  void load()
  return { refresh: () => void load(), stop: () => ending.abort() }
}
