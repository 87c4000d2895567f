// Ranges of time, in UTC.

/** Choice is a range as the address bar holds it: now-24h, month, last-month, or two Unix seconds joined by "-". */
export const presets: [string, string][] = [
  ['now-15m', 'Last 15 minutes'], ['now-1h', 'Last hour'], ['now-6h', 'Last 6 hours'], ['now-24h', 'Last 24 hours'],
  ['now-7d', 'Last 7 days'], ['now-30d', 'Last 30 days'], ['month', 'This month'], ['last-month', 'Last month'], ['now-365d', 'Last year'],
]

export interface Range { from: number; to: number }

const units: Record<string, number> = { m: 60, h: 3600, d: 86400 }

/** rangeOf resolves a choice against now (ms); null if it is none. The end is in the next minute: the newest calls are in. */
export function rangeOf(choice: string, nowMs: number): Range | null {
  const now = Math.floor(nowMs / 1000)
  const relative = /^now-(\d{1,4})([mhd])$/.exec(choice)
  if (relative) return { from: Math.floor((now - Number(relative[1]) * units[relative[2]!]!) / 60) * 60, to: Math.floor(now / 60) * 60 + 60 }
  const d = new Date(nowMs)
  const month = (offset: number) => Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + offset, 1) / 1000
  if (choice === 'month') return { from: month(0), to: Math.floor(now / 60) * 60 + 60 }
  if (choice === 'last-month') return { from: month(-1), to: month(0) }
  const fixed = /^(\d{9,10})-(\d{9,10})$/.exec(choice)
  if (fixed && Number(fixed[1]) < Number(fixed[2])) return { from: Number(fixed[1]), to: Number(fixed[2]) }
  return null
}

/** seconds reads ClickHouse's "2026-11-25 03:00:00(.123)", which is UTC, as Unix seconds. */
export function seconds(text: string): number {
  return Date.parse(text.replace(' ', 'T') + 'Z') / 1000
}

/** moment writes Unix seconds as 2026-11-25 03:00 (UTC). */
export function moment(s: number, withSeconds = false): string {
  return new Date(s * 1000).toISOString().slice(0, withSeconds ? 19 : 16).replace('T', ' ')
}

/** ago writes how long ago something was. */
export function ago(s: number, nowMs: number): string {
  const d = Math.max(0, Math.round(nowMs / 1000 - s))
  if (d < 90) return `${d} s ago`
  if (d < 5400) return `${Math.round(d / 60)} min ago`
  if (d < 129600) return `${Math.round(d / 3600)} h ago`
  return `${Math.round(d / 86400)} days ago`
}
