// Numbers for people. Money is never a float here: a decimal string is rounded as a string, half to even.

import type { Cell } from './api'

/** round cuts a plain decimal to n digits behind the point, half to even. */
export function round(decimal: string, n: number): string {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal)
  if (!m) return decimal
  const [, sign = '', whole = '0', part = ''] = m
  if (part.length <= n) return trim(sign, BigInt(whole + part.padEnd(n, '0')), n)
  const kept = BigInt(whole + part.slice(0, n))
  const rest = part.slice(n)
  const half = '5'.padEnd(rest.length, '0')
  const up = rest > half || (rest === half && kept % 2n === 1n)
  return trim(sign, up ? kept + 1n : kept, n)
}

function trim(sign: string, digits: bigint, n: number): string {
  const text = digits.toString().padStart(n + 1, '0')
  const whole = text.slice(0, text.length - n).replace(/\B(?=(\d{3})+$)/g, ',')
  return (digits === 0n ? '' : sign) + whole + (n > 0 ? '.' + text.slice(text.length - n) : '')
}

/** usd writes dollars: cents from one dollar on, else as many digits as show something. */
export function usd(decimal: string): string {
  const m = /^(-?)(\d+)(?:\.(\d*))?$/.exec(decimal)
  if (!m) return decimal
  const [, sign = '', whole = '0', part = ''] = m
  const zeros = /^0*/.exec(part)![0].length
  const n = BigInt(whole) > 0n ? 2 : zeros === part.length ? 2 : Math.min(12, Math.max(4, zeros + 2))
  const text = round(`${sign}${whole}${part ? '.' + part : ''}`, n)
  return text.startsWith('-') ? '−$' + text.slice(1) : '$' + text
}

/** plain turns a number of JavaScript (for drawing, shares, latencies) into a plain decimal. */
export function plain(x: number): string {
  return Number.isFinite(x) ? x.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 12 }) : String(x)
}

const thousands = ['', 'k', 'M', 'G', 'T']

/** short writes 12,345 as 12.3k; exact up to 9,999. */
export function short(x: number): string {
  let i = 0
  if (Math.abs(x) >= 10000) while (Math.abs(x) >= 1000 && i < thousands.length - 1) { x /= 1000; i++ }
  const digits = i === 0 ? (Number.isInteger(x) ? 0 : Math.abs(x) < 1 ? 3 : 1) : Math.abs(x) >= 100 ? 0 : 1
  return x.toLocaleString('en-US', { maximumFractionDigits: digits }) + thousands[i]!
}

/** value writes a cell in a unit (Grafana's names). */
export function value(cell: Cell, unit: string | undefined): string {
  if (cell === null || cell === undefined) return '–'
  if (Array.isArray(cell) || typeof cell === 'object') return JSON.stringify(cell)
  const text = String(cell)
  if (text === '') return ''
  const x = Number(cell)
  switch (unit) {
    case 'currencyUSD': return usd(typeof cell === 'number' ? plain(cell) : text)
    case 'percent': return Number.isFinite(x) ? percent(x) : text
    case 's': return Number.isFinite(x) ? latency(x) : text
    case 'reqps': return Number.isFinite(x) ? `${short(x)}/s` : text
    case 'bytes': case 'decbytes': return Number.isFinite(x) ? bytes(x) : text
    case 'dateTimeAsIso': return /^\d{4}-/.test(text) ? text.slice(0, 19) : text
    case 'short': case 'none': return Number.isFinite(x) ? (Math.abs(x) < 1e6 && Number.isInteger(x) ? x.toLocaleString('en-US') : short(x)) : text
    default: return text
  }
}

function bytes(x: number): string {
  const text = short(x)
  const unit = /[a-zA-Z]$/.test(text) ? text.slice(-1) : ''
  return `${unit ? text.slice(0, -1) : text} ${unit}B`
}

/** alike writes the counts of one column: once one of them is a million, all from ten thousand on are cut, to one digit. */
export function alike(cells: Cell[]): (cell: Cell) => string {
  if (!cells.some((c) => Math.abs(Number(c)) >= 1e6)) return (c) => value(c, 'short')
  return (c) => {
    const text = c === null || Math.abs(Number(c)) < 10000 ? value(c, 'short') : short(Number(c))
    return /^[^.]{1,3}[kMGT]$/.test(text) && text.length < 4 ? `${text.slice(0, -1)}.0${text.slice(-1)}` : text
  }
}

// Shares: 1,464 %, 47 %, 3.2 %; what is there but rounds to nothing says so.
function percent(x: number): string {
  if (x !== 0 && Math.abs(x) < 0.05) return x < 0 ? '−<0.1 %' : '<0.1 %'
  const text = Math.abs(x).toLocaleString('en-US', { maximumFractionDigits: Math.abs(x) < 10 ? 1 : 0, minimumFractionDigits: x !== 0 && Math.abs(x) < 10 ? 1 : 0 })
  return `${x < 0 ? '−' : ''}${text} %`
}

function latency(s: number): string {
  if (s === 0) return '0 s'
  if (s < 0.001) return `${Math.round(s * 1e6)} µs`
  if (s < 1) return `${Math.round(s * 1000)} ms`
  if (s < 120) return `${s.toFixed(s < 10 ? 2 : 1)} s`
  return `${short(s / 60)} min`
}

/** sum adds plain decimals exactly. */
export function sum(decimals: string[]): string {
  const scale = 18
  let total = 0n
  for (const d of decimals) {
    const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(d)
    if (!m) continue
    const digits = BigInt(m[2]! + (m[3] ?? '').padEnd(scale, '0').slice(0, scale))
    total += m[1] ? -digits : digits
  }
  const sign = total < 0n ? '-' : ''
  const text = (total < 0n ? -total : total).toString().padStart(scale + 1, '0')
  const part = text.slice(-scale).replace(/0+$/, '')
  return sign + text.slice(0, -scale) + (part ? '.' + part : '')
}

/** isNumber tells columns that are drawn to the right. */
export function isNumber(type: string): boolean {
  return /^(Nullable\()?(U?Int|Float|Decimal)/.test(type)
}
