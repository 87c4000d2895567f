// Where we are: the page, the range and the choices, all in the address, so that every view is a link.

export interface Place { page: string; arg: string; range: string; variables: Record<string, string> }

/** here reads the address: #/page/arg?range=…&var-name=… */
export function here(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const [page = '', ...rest] = path.split('/')
  const q = new URLSearchParams(query)
  const variables: Record<string, string> = {}
  for (const [name, v] of q) if (name.startsWith('var-')) variables[name.slice(4)] = v
  return { page, arg: rest.map(decodeURIComponent).join('/'), range: q.get('range') ?? '', variables }
}

/** to writes the address of a place. */
export function to(p: Partial<Place> & { page: string }): string {
  const q = new URLSearchParams()
  if (p.range) q.set('range', p.range)
  for (const [name, v] of Object.entries(p.variables ?? {})) q.set('var-' + name, v)
  const arg = p.arg ? '/' + p.arg.split('/').map(encodeURIComponent).join('/') : ''
  const text = q.toString()
  return `#/${p.page}${arg}${text ? '?' + text : ''}`
}

export const go = (p: Partial<Place> & { page: string }) => { location.hash = to(p) }
