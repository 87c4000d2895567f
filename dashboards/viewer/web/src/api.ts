// What the server answers. Decimals and 64-bit integers are strings; they become numbers for drawing only.

export interface Column { name: string; type: string }
export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell }
export interface Answer { columns: Column[]; rows: Cell[][]; step: number; cut: boolean; took: number; fresh: string }

export interface Link { Column: string; Board: string; Variable: string; Value: string }
export interface Panel {
  title: string; description: string; kind: 'stat' | 'timeseries' | 'table' | 'bars'; query: string; unit: string
  width: number; height: number; stacked: boolean; columns: Record<string, string> | null; links: Link[] | null
  hidden: string[] | null; bad: number | null; sums: string[] | null
}
export interface Board {
  uid: string; title: string; description: string; from: string
  variables: { name: string; label: string; query: string }[]
  rows: { title: string; panels: Panel[] }[]
  annotations: { name: string; query: string }[]
}
export interface Product { boards: Board[]; version: string; otlp_grpc: string; otlp_http: string; can_act: boolean }

export class Refused extends Error {
  constructor(readonly status: number, message: string) { super(message) }
}

/** get asks the server; an answer that is no 2xx is thrown with the server's own words. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return read(await send(path, signal ? { signal } : {}))
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return read(await send(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }))
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch('api/' + path, init)
  } catch (e) {
    if (init.signal?.aborted) throw e
    throw new Error('Tollkeeper does not answer: is it running?')
  }
}

async function read<T>(r: Response): Promise<T> {
  if (r.status === 204) return undefined as T
  const text = await r.text()
  let body: unknown
  try { body = JSON.parse(text) } catch { throw new Refused(r.status, `an answer that can't be read (${r.status})`) }
  if (!r.ok) throw new Refused(r.status, (body as { error?: string }).error ?? `refused (${r.status})`)
  return body as T
}

// At most so many questions at once: a busy database would answer them all late. What waits is taken when there is room, what a
// person sees before what is further down, else in order.
const atOnce = 4
let running = 0
const waiting: { go: () => void; seen: () => boolean }[] = []

function next() {
  if (running >= atOnce || waiting.length === 0) return
  const i = Math.max(0, waiting.findIndex((w) => w.seen()))
  running++
  waiting.splice(i, 1)[0]!.go()
}

/** rows runs one of the boards' queries over a range of Unix seconds; seen says whether its answer would be in sight. */
export async function rows(query: string, from: number, to: number, points: number, variables: Record<string, string>, signal?: AbortSignal, seen = () => true): Promise<Answer> {
  await new Promise<void>((go) => { waiting.push({ go, seen }); next() })
  try {
    signal?.throwIfAborted()
    const q = new URLSearchParams({ from: String(from), to: String(to), points: String(points) })
    for (const [name, value] of Object.entries(variables)) q.set('var-' + name, value)
    return await get<Answer>(`rows/${query}?${q}`, signal)
  } finally {
    running--
    next()
  }
}
