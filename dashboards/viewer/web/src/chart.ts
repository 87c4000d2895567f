// Series over time, drawn by uPlot: stacked bars where the parts add up, lines where they don't.

import uPlot from 'uplot'
import type { Answer } from './api'
import { h, fill } from './dom'
import { plain, sum, value } from './format'
import { moment, seconds, type Range } from './time'

// Ten hues that people with colour-blindness tell apart, dark enough and light enough for both grounds.
const palette = ['#3b82d0', '#e08a1e', '#2a9d76', '#c85399', '#8a6fd1', '#b59a1c', '#4fb3c8', '#d1603d', '#7f9a4a', '#8b8b95']

export interface Series { name: string; points: (number | null)[]; total: string }
export interface Mark { at: number; text: string }

/** seriesOf reads rows of (time, series, value), or (time, a, b, c), onto every step of the range. */
export function seriesOf(a: Answer, range: Range, zeros: boolean): { times: number[]; series: Series[] } {
  const step = a.step
  const times: number[] = []
  for (let t = Math.floor(range.from / step) * step; t < range.to; t += step) times.push(t)
  const index = new Map(times.map((t, i) => [t, i]))
  const long = a.columns.length === 3 && /String/.test(a.columns[1]!.type)
  const found = new Map<string, { points: (number | null)[]; exact: string[] }>()
  for (const row of a.rows) {
    const i = index.get(seconds(String(row[0])))
    if (i === undefined) continue
    const cells: [string, unknown][] = long ? [[String(row[1]), row[2]]] : a.columns.slice(1).map((c, k) => [c.name, row[k + 1]])
    for (const [name, cell] of cells) {
      let s = found.get(name)
      if (!s) found.set(name, (s = { points: Array(times.length).fill(zeros ? 0 : null), exact: [] }))
      if (cell === null) continue
      s.points[i] = Number(cell)
      s.exact.push(typeof cell === 'number' ? plain(cell) : String(cell))
    }
  }
  // After the newest point nothing is known yet: no fall to zero there.
  const last = Math.max(...[...found.values()].map((s) => s.points.findLastIndex((x) => x !== null && x !== 0)))
  if (zeros && last >= 0) for (const s of found.values()) s.points.fill(null, last + 1)
  // Nor before the first row, where each row has all series.
  if (!long && a.rows.length > 0) for (const s of found.values()) s.points.fill(null, 0, Math.max(0, index.get(seconds(String(a.rows[0]![0]))) ?? 0))
  const series = [...found].map(([name, s]) => ({ name: name === '' ? '(none)' : name, points: s.points, total: sum(s.exact) }))
  if (long) series.sort((x, y) => Number(x.name === 'other') - Number(y.name === 'other') || Number(y.total) - Number(x.total) || (x.name < y.name ? -1 : 1))
  return { times, series }
}

export interface Options { unit: string; stacked: boolean; height: number; marks: Mark[]; title: string; zoom: (r: Range) => void }

/** draw puts a chart with its legend into host and returns how to take it away. */
export function draw(host: HTMLElement, a: Answer, range: Range, o: Options): () => void {
  const additive = o.stacked
  const { times, series } = seriesOf(a, range, additive || o.unit === 'reqps')
  if (series.length === 0) {
    fill(host, h('p', { class: 'empty' }, 'Nothing in this range.'))
    return () => {}
  }
  if (series.every((s) => s.points.every((x) => x === null))) {
    fill(host, h('p', { class: 'empty' }, 'Not reported in this range.'))
    return () => {}
  }
  const plot = h('div', { class: 'plot', role: 'img', 'aria-label': `${o.title}: ${series.length} series from ${moment(range.from)} to ${moment(range.to)} UTC; “Table” shows the numbers` })
  const tip = h('div', { class: 'tip', hidden: true })
  const legend = h('ul', { class: 'legend' }, ...series.map((s, i) =>
    h('li', {}, h('i', { style: `background:${palette[i % palette.length]}` }), h('span', { title: s.name }, s.name), additive && h('b', {}, value(s.total, o.unit)))))
  fill(host, plot, legend, tip)
  // The plot has what the legend leaves of the panel.
  const size = () => {
    if (legend.scrollHeight > legend.clientHeight + 1) legend.tabIndex = 0 // a keyboard scrolls it, too
    return { width: Math.max(160, host.clientWidth), height: Math.max(90, o.height - legend.offsetHeight - 8) }
  }
  const css = getComputedStyle(document.documentElement)
  const ink = css.getPropertyValue('--muted').trim()
  const grid = css.getPropertyValue('--line').trim()
  const data: (number | null)[][] = additive ? stack(series) : series.map((s) => s.points)
  const bars = uPlot.paths.bars!({ size: [0.82, 26], align: 1 })
  const u = new uPlot({
    ...size(), legend: { show: false }, padding: [10, 18, 0, 0],
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC'),
    scales: { x: { range: () => additive ? [times[0]!, times[times.length - 1]! + a.step] : [range.from, range.to] }, y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { show: !additive } },
    axes: [
      { stroke: ink, grid: { show: false }, ticks: { stroke: grid, size: 4 }, size: 28, font: '11px system-ui', values: (_u, ticks) => labels(ticks, range) },
      { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui', size: 62, values: (_u, ticks, _axis, _space, step) => ticks.map((t) => o.unit === 'currencyUSD' ? dollars(t, step) : value(t, o.unit)) },
    ],
    series: [{}, ...series.map((s, i) => {
      const colour = palette[i % palette.length]!
      return additive ? { label: s.name, fill: colour, width: 0, paths: bars, points: { show: false } } : { label: s.name, stroke: colour, width: 1.75, spanGaps: true, points: { size: 5, fill: colour, filter: (p: uPlot, k: number) => lone(p.data[k]!) } }
    }).reverse()],
    hooks: { draw: [(p) => marks(p, o.marks)], setCursor: [(p) => hover(p, tip, times, series, o)], setSelect: [(p) => select(p, o)] },
  }, [times, ...data.reverse()] as uPlot.AlignedData, plot)
  const watch = new ResizeObserver(() => { if (host.clientWidth > 0) u.setSize(size()) })
  watch.observe(host)
  return () => { watch.disconnect(); u.destroy() }
}

// A line has no end to be seen by where there is one point only: that one is a dot.
function lone(points: ArrayLike<number | null | undefined>): number[] {
  const all = Array.from(points, (x, i) => (x === null || x === undefined ? -1 : i)).filter((i) => i >= 0)
  return all.length === 1 ? all : []
}

// What lies on top is drawn first: bar k reaches from zero to the sum of the series 0…k.
function stack(series: Series[]): number[][] {
  const out: number[][] = []
  series.forEach((s, k) => out.push(s.points.map((x, i) => (x ?? 0) + (k > 0 ? out[k - 1]![i]! : 0))))
  return out
}

function labels(ticks: number[], r: Range): string[] {
  const days = (r.to - r.from) / 86400
  return ticks.map((t) => { const m = moment(t); return days > 40 ? m.slice(0, 10) : days > 2 ? m.slice(5, 10) + (t % 86400 ? ' ' + m.slice(11) : '') : m.slice(11) })
}

// Marks of an axis have the digits that tell them apart, all the same number.
function dollars(x: number, step: number): string {
  const digits = step >= 1 && Number.isInteger(step) ? 0 : Math.max(2, Math.ceil(-Math.log10(step) - 1e-9))
  return `$${x.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`
}

function marks(u: uPlot, list: Mark[]) {
  const { ctx, bbox } = u
  ctx.save()
  ctx.strokeStyle = '#e0701e'
  ctx.setLineDash([4, 3])
  ctx.lineWidth = devicePixelRatio
  for (const m of list) {
    const x = Math.round(u.valToPos(m.at, 'x', true))
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke()
  }
  ctx.restore()
}

function hover(u: uPlot, tip: HTMLElement, times: number[], series: Series[], o: Options) {
  const i = u.cursor.idx
  if (i === null || i === undefined || (u.cursor.left ?? -1) < 0) { tip.hidden = true; return }
  const step = times.length > 1 ? times[1]! - times[0]! : 60
  const at = times[i]!
  const here = series.map((s, k) => ({ s, k, x: s.points[i] })).filter((e) => e.x !== null && e.x !== undefined && (!o.stacked || e.x !== 0))
  const near = o.marks.filter((m) => m.at >= at && m.at < at + step).slice(0, 3)
  fill(tip, h('b', {}, moment(at) + ' UTC'), ...here.slice(0, 12).map((e) =>
    h('div', {}, h('i', { style: `background:${palette[e.k % palette.length]}` }), h('span', {}, e.s.name), h('b', {}, value(o.unit === 'currencyUSD' ? plain(e.x!) : e.x!, o.unit)))),
    here.length === 0 && h('div', {}, 'nothing'), ...near.map((m) => h('div', { class: 'mark' }, m.text)))
  tip.hidden = false
  const host = tip.parentElement!
  const left = u.bbox.left / devicePixelRatio + (u.cursor.left ?? 0)
  tip.style.left = `${Math.min(Math.max(4, left + (left > host.clientWidth / 2 ? -tip.offsetWidth - 14 : 14)), Math.max(4, host.clientWidth - tip.offsetWidth - 4))}px`
  tip.style.top = '12px'
}

function select(u: uPlot, o: Options) {
  if (u.select.width < 8) return
  const from = Math.floor(u.posToVal(u.select.left, 'x') / 60) * 60
  const to = Math.ceil(u.posToVal(u.select.left + u.select.width, 'x') / 60) * 60
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  if (to - from >= 120) o.zoom({ from, to })
}
