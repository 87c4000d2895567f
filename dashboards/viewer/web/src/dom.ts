// Elements without a framework.

export type Child = Node | string | number | null | undefined | false
type Props = Record<string, unknown>

/** h makes an element: properties that start with "on" are listeners, the rest attributes; null and false are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value as EventListener)
    else if (value === true) e.setAttribute(name, '')
    else e.setAttribute(name, String(value))
  }
  put(e, children)
  return e
}

function put(e: Element, children: Child[]) {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue
    e.append(typeof c === 'number' ? String(c) : c)
  }
}

/** fill replaces what is in an element. */
export function fill(e: Element, ...children: Child[]) {
  e.replaceChildren()
  put(e, children)
}
