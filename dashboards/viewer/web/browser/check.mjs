// Looks at every page of a running viewer in Chromium, at two widths and in both themes, and says what is wrong, one line each.
// Usage: node check.mjs '{"base": "http://127.0.0.1:8480", "state": "full|hour|empty|broken|slow", "chromium": "/usr/bin/chromium", "pictures": "", "call": "trace id"}'

import { mkdirSync } from 'node:fs'
import axe from 'axe-core'
import { chromium } from 'playwright-core'

const o = JSON.parse(process.argv[2])
const problems = []
const browser = await chromium.launch({ executablePath: o.chromium, args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'] })
if (o.pictures) mkdirSync(o.pictures, { recursive: true })

const boards = (await (await fetch(o.base + '/api/boards')).json()).boards
const addresses = [
  ...boards.map((b) => [b.uid, `#/board/${b.uid}${o.state === 'hour' ? '?range=now-1h' : o.state === 'full' && b.uid === 'tollkeeper-spend' ? '?range=now-30d' : ''}`]),
  ...(o.state === 'full' ? [['tollkeeper-spend-day', '#/board/tollkeeper-spend']] : []),
  ['alerts', '#/control?range=now-24h'], ['explain', `#/call/${o.call ?? ''}`], ['prices', '#/prices'], ['first-steps', '#/start'],
]

// Each page is opened once and then looked at in each of these, so that it asks its questions once; so many pages at a time. Every second
// page is opened in the dark on the phone, the others in the light on the wide screen.
const looks = [[1440, 'light'], [1440, 'dark'], [390, 'dark'], [390, 'light']]
const atOnce = 3
const begun = performance.now()
const queue = addresses.map(([name, address], i) => [name, address, i % 2 === 0 ? looks : [...looks.slice(2), ...looks.slice(0, 2)]])
await Promise.all(Array.from({ length: atOnce }, async () => {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [name, address, own] = next
    const context = await browser.newContext({ viewport: { width: own[0][0], height: 900 }, colorScheme: own[0][1], timezoneId: 'America/Sao_Paulo', acceptDownloads: true })
    const page = await context.newPage()
    await visit(page, name, address, own).catch((e) => stuck(page, name, e))
    await context.close()
  }
}))
console.log(`looked at after ${Math.round((performance.now() - begun) / 1000)} s`)
if (o.state === 'full') {
  await use()
  await inOrder().catch((e) => problems.push(`in order: ${e.message.split('\n')[0]}`))
}
if (o.state === 'empty') await newcomer()
await browser.close()
for (const p of problems) console.log(p)
console.log(`${addresses.length * looks.length} views looked at, ${problems.length} problems`)
process.exit(problems.length > 0 ? 1 : 0)

// A page that never came to where it should be: say what it shows instead.
async function stuck(page, where, e) {
  problems.push(`${where}: ${e.message.split('\n')[0]}; it shows: ${(await page.locator('#app').innerText()).replace(/\s+/g, ' ').slice(0, 300)}`)
}

async function visit(page, name, address, own) {
  let where = name
  const bad = (what) => problems.push(`${where}: ${what}`)
  page.on('pageerror', (e) => bad(`script: ${e.message}`))
  page.on('console', (m) => { if (m.type() === 'error' && !(o.state === 'broken' && /Failed to load resource/.test(m.text()))) bad(`console: ${m.text()}`) })
  page.on('request', (r) => { if (!r.url().startsWith(o.base) && !/^(data|blob):/.test(r.url())) bad(`asks another machine: ${r.url()}`) })
  const waits = o.state === 'slow' && address.startsWith('#/board')
  let answer
  if (waits) { // no panel has its answer before the waiting was looked at
    const looked = new Promise((done) => { answer = done })
    const queries = new Set(boards.find((b) => b.uid === name).rows.flatMap((r) => r.panels.map((p) => p.query)))
    await page.route((url) => queries.has(url.pathname.split('/api/rows/')[1]), async (route) => { await looked; await route.continue() })
  }
  await page.goto(`${o.base}/${address}`)
  await page.waitForSelector('h1')
  if (waits) {
    await page.waitForSelector('.panel')
    if ((await page.locator('.bones').count()) === 0) bad('a panel that waits does not say so')
    answer()
  }
  await settled(page)
  for (const p of await expectations(page, name)) bad(p)
  if (o.state === 'hour') for (const p of await accessible(page)) bad(p)
  for (const [width, theme] of own) {
    where = `${name} at ${width} ${theme}`
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme: theme })
    await page.waitForFunction((t) => document.documentElement.dataset.theme === t, theme)
    await settled(page)
    for (const p of await page.evaluate(inspect)) bad(p)
    if (o.pictures) {
      const tall = await page.evaluate(() => document.documentElement.scrollHeight)
      await page.setViewportSize({ width, height: Math.min(tall, 2600) })
      await settled(page)
      await page.screenshot({ path: `${o.pictures}/${name}-${width === 390 ? 'phone' : 'wide'}-${theme}.png` })
    }
  }
}

async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('.bones') && !document.querySelector('[aria-busy=true]'), null, { timeout: 120_000 })
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
}

// What axe finds against WCAG 2.2 AA and its own good practice.
async function accessible(page) {
  await page.evaluate(axe.source)
  const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }))
  return found.violations.map((v) => `axe: ${v.id}: ${v.help}: ${v.nodes.length} of ${v.nodes[0].html.slice(0, 120)}`)
}

// What a page of this state must say.
async function expectations(page, name) {
  const wrong = []
  const isBoard = boards.find((b) => b.uid === name)
  const alerts = await page.locator('[role=alert]').allTextContents()
  if (o.state === 'broken') {
    if (name === 'prices') return wrong // the book is a file
    if (name === 'first-steps') return (await page.locator('.light.on').count()) ? ['a green light without a database'] : []
    if (name === 'explain' && !o.call) return wrong
    if (!alerts.some((t) => /did not answer/.test(t))) wrong.push('does not say that the database did not answer')
    if (alerts.some((t) => /secret/.test(t))) wrong.push('shows a password')
    return wrong
  }
  if (alerts.some((t) => t.trim())) wrong.push(`says: ${alerts.join(' | ')}`)
  if (o.state === 'empty' || o.state === 'slow') return wrong
  if (isBoard) {
    if ((await page.locator('.panel').count()) < 2) wrong.push('has no panels')
    const empty = await page.locator('.panel:has(.empty) h3').allTextContents()
    const may = isBoard.rows.flatMap((r) => r.panels).filter((p) => p.may_be_empty).map((p) => p.title)
    const unexpected = empty.filter((t) => !may.includes(t))
    if (unexpected.length) wrong.push(`panels without data: ${unexpected.join(', ')}`)
  }
  if (name === 'first-steps') await page.waitForSelector('.light.on', { timeout: 30_000 }).catch(() => wrong.push('the light is not green'))
  if (name === 'alerts' && !(await page.getByText('umbrella-batch').count())) wrong.push('no episode')
  if (name === 'alerts' && !(await page.getByText('nobody: dry run').count())) wrong.push('no rules')
  if (name === 'prices' && (await page.locator('tbody tr').count()) < 100) wrong.push('few prices')
  if (name === 'explain' && !(await page.locator('pre').count())) wrong.push('explains nothing')
  return wrong
}

// What a person does: sort, narrow, take away, undo, by mouse and by keyboard.
async function use() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true })
  const page = await context.newPage()
  await steps(page).catch((e) => stuck(page, 'in use', e))
  await context.close()
}

async function steps(page) {
  const bad = (what) => problems.push(`in use: ${what}`)
  await page.goto(o.base)
  await page.waitForSelector('.panel')
  await settled(page)
  const paint = await page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1))
  console.log(`first contentful paint after ${paint} ms`)

  await page.keyboard.press('Tab')
  if (!(await page.evaluate(() => document.activeElement?.classList.contains('skip')))) bad('the first Tab is not the link to the content')
  await page.keyboard.press('Enter')
  if (!(await page.evaluate(() => document.activeElement?.id === 'main'))) bad('the link to the content does not go there')

  const table = page.locator('.panel.table').first()
  const heading = table.locator('th button').first()
  await heading.focus()
  await page.keyboard.press('Enter')
  if ((await table.locator('th').first().getAttribute('aria-sort')) === 'none') bad('Enter on a heading does not sort')
  if (!(await heading.evaluate((e) => e === document.activeElement))) bad('a heading that sorts loses the focus')
  const [file] = await Promise.all([page.waitForEvent('download'), table.getByRole('button', { name: 'CSV' }).click()])
  const text = await new Promise((done, fail) => file.createReadStream().then((s) => { let all = ''; s.on('data', (d) => (all += d)); s.on('end', () => done(all)); s.on('error', fail) }))
  if (text.trim().split('\r\n').length !== (await table.locator('tbody tr').count()) + 1) bad('the CSV has other rows than the table')

  const chart = page.locator('.panel.timeseries').first()
  await chart.getByRole('button', { name: 'Table' }).click()
  if (!(await chart.locator('tbody tr').count())) bad('a chart does not turn into its table')
  await chart.getByRole('button', { name: 'Table' }).click()
  const box = await chart.locator('.u-over').boundingBox()
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.5)
  await page.waitForSelector('.tip:not([hidden])', { timeout: 5000 }).catch(() => bad('no tooltip over a chart'))
  const before = page.url()
  await page.mouse.move(box.x + box.width * 0.6, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.9, box.y + 20, { steps: 4 })
  await page.mouse.up()
  await page.waitForFunction((was) => location.href !== was, before, { timeout: 5000 }).catch(() => bad('dragging over a chart does not narrow the range'))
  await page.goBack()
  await settled(page)

  const link = page.locator('.panel.table td a').first()
  const tenant = (await link.textContent())?.trim()
  await link.click()
  await page.waitForFunction((t) => document.querySelector('#var-tenant')?.selectedOptions[0]?.textContent === t, tenant, { timeout: 20_000 }).catch(() => bad(`a tenant's link does not lead to its board`))
  await settled(page)

  await page.locator('nav a', { hasText: 'Prices' }).focus()
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Prices')
  if (!(await page.evaluate(() => document.activeElement?.id === 'main'))) bad('a page that was gone to does not have the focus')

  await page.goto(`${o.base}/#/control?range=now-24h`)
  await page.getByRole('button', { name: 'Release…' }).first().click()
  if (!(await page.evaluate(() => document.activeElement?.id === 'author'))) bad('the dialog does not take the focus')
  await page.fill('#author', 'ann')
  await page.fill('#reason', 'agreed with the team')
  await page.locator('dialog').getByRole('button', { name: 'Release' }).click()
  await page.getByText('Done: nothing is held').waitFor({ timeout: 10_000 }).catch(() => bad('the release is not said'))
  await page.keyboard.press('Escape')
  await page.locator('tr', { hasText: 'firing' }).getByRole('button', { name: 'Throttle…' }).first().click()
  if ((await page.inputValue('#act-tenant')) !== 'umbrella-batch') bad('the button of an episode does not name its tenant')
  await page.locator('#act-tenants option[value=acme-support]').waitFor({ state: 'attached', timeout: 20_000 }).catch(() => bad('no tenants to choose from'))
  await page.fill('#act-tenant', 'acme-support')
  await page.selectOption('#act-level', 'block')
  if (await page.locator('#act-requests').isEnabled()) bad('a block asks for limits')
  await page.selectOption('#act-level', 'cap')
  await page.fill('#act-usd', '0.50')
  await page.fill('#author', 'ann')
  await page.fill('#reason', 'a runaway job')
  const [sent] = await Promise.all([page.waitForRequest('**/api/act'), page.keyboard.press('Enter')])
  if (JSON.stringify(sent.postDataJSON()) !== JSON.stringify({ do: 'apply', author: 'ann', reason: 'a runaway job', tenant: 'acme-support', level: 'cap', minutes: 15, requests: 30, usd: '0.50' })) bad(`throttles by ${sent.postData()}`)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Freeze…' }).click()
  await page.fill('#author', 'ann')
  if (await page.evaluate(() => document.querySelector('dialog form').checkValidity())) bad('a freeze needs no reason')
  await page.keyboard.press('Escape')
  if (await page.locator('dialog[open]').count()) bad('Escape does not close the dialog')

  await page.goto(`${o.base}/#/start`)
  await page.getByRole('tab', { name: 'Any OpenTelemetry SDK' }).focus()
  await page.keyboard.press('ArrowRight')
  if (!(await page.evaluate(() => document.activeElement?.getAttribute('aria-selected') === 'true' && document.querySelector('[role=tabpanel]').textContent.includes('pip install')))) bad('an arrow does not go to the next tab')

  const theme = await page.evaluate(() => document.documentElement.dataset.theme)
  await page.getByRole('button', { name: 'Dark or light' }).click()
  if ((await page.evaluate(() => document.documentElement.dataset.theme)) === theme) bad('the theme does not change')
}

// Over an empty ledger the first thing to see is how to send.
// On a busy database what is in sight is asked for first, and what is not in sight isn't asked for again.
async function inOrder() {
  const bad = (what) => problems.push(`in order: ${what}`)
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const asked = []
  const held = []
  let hold = true
  let wake = () => {}
  const until = async (what, holds) => { // each question wakes it
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`waited for ${what} for a minute; asked: ${asked.join(', ')}`)), 60_000).unref())
    late.catch(() => {})
    while (!holds()) await Promise.race([late, new Promise((go) => { wake = go })])
  }
  await page.route('**/api/rows/**', async (route) => {
    asked.push(new URL(route.request().url()).pathname.split('/api/rows/')[1])
    const free = hold && new Promise((go) => held.push(go))
    wake()
    await free
    await route.continue().catch(() => {}) // the page has gone
  })
  const spend = boards[0]
  await page.goto(`${o.base}/#/board/${spend.uid}`)
  await page.waitForSelector('.panel')
  await until('the first questions', () => held.length >= 4)
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight))
  const titles = await page.evaluate(() => [...document.querySelectorAll('.panel')].filter((e) => { const r = e.getBoundingClientRect(); return r.bottom > 0 && r.top < innerHeight }).map((e) => e.querySelector('h3').textContent))
  const last = spend.rows.flatMap((r) => r.panels).filter((p) => titles.includes(p.title)).map((p) => p.query)
  if (spend.rows[0].panels.some((p) => last.includes(p.query)) || last.length < 3) bad(`in sight at the end of the page: ${titles.join(', ')}`)
  const before = asked.length
  for (let i = 0; i < 3; i++) {
    held.shift()()
    await until('the next question', () => asked.length > before + i)
  }
  const then = asked.slice(before)
  if (!then.every((q) => last.includes(q))) bad(`at the end of the page it asked for ${then.join(', ')}`)
  hold = false
  for (const go of held.splice(0)) go()
  await settled(page)
  const whole = asked.length
  await page.getByRole('button', { name: 'Refresh' }).click()
  await settled(page)
  const again = new Set(asked.slice(whole))
  if (again.size === 0) bad('Refresh asks nothing')
  if (spend.rows[0].panels.some((p) => again.has(p.query))) bad('Refresh asks for what is not in sight')
  const was = asked.length
  await page.evaluate(() => scrollTo(0, 0))
  await until('what came into sight', () => spend.rows[0].panels.every((p) => asked.slice(was).includes(p.query)))
  await settled(page)
  await context.close()
}

async function newcomer() {
  const page = await browser.newPage()
  await page.goto(o.base)
  await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'First steps', null, { timeout: 20_000 }).catch(() => problems.push('an empty ledger does not begin with the first steps'))
  await page.getByText('none of them is a call of a model').waitFor({ timeout: 20_000 }).catch(() => problems.push('spans that are no calls are not told'))
  if (!(await page.locator('tbody tr', { hasText: 'POST /cart' }).count())) problems.push('a span that arrived is not shown')
  if (!(await page.getByText('No call arrives?').isVisible())) problems.push('nothing to check where no call arrives')
  await page.close()
}

// Runs in the page: everything that can be wrong with what is drawn.
function inspect() {
  const out = []
  const name = (e) => `${e.tagName.toLowerCase()}${e.className && typeof e.className === 'string' ? '.' + e.className.trim().replace(/\s+/g, '.') : ''} “${(e.textContent ?? '').trim().slice(0, 40)}”`
  if (document.documentElement.scrollWidth > innerWidth + 1) out.push(`is wider (${document.documentElement.scrollWidth}) than the window`)
  if (document.querySelectorAll('h1').length !== 1) out.push('has no single heading')
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
  for (const id of new Set(ids.filter((x, i) => ids.indexOf(x) !== i))) out.push(`two elements have the id ${id}`)

  for (const e of document.querySelectorAll('button, a[href], input, select')) {
    const label = e.getAttribute('aria-label') || e.textContent?.trim() || (e.id && document.querySelector(`label[for="${e.id}"]`)?.textContent)
    if (!label) out.push(`${name(e)} has no name`)
  }

  const rgba = (text) => { const m = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0]; return [m[0], m[1], m[2], m[3] ?? 1] }
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]))
  const light = (c) => { const [r, g, b] = c.map((x) => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const ground = (e) => {
    const layers = []
    for (let x = e; x; x = x.parentElement) { const c = rgba(getComputedStyle(x).backgroundColor); layers.push(c); if (c[3] === 1) break }
    return layers.reverse().reduce((under, c) => over(c, under), [255, 255, 255])
  }
  const opacity = (e) => { let all = 1; for (let x = e; x; x = x.parentElement) all *= Number(getComputedStyle(x).opacity); return all }
  const shown = (e) => { const r = e.getBoundingClientRect(); const s = getComputedStyle(e); return r.width > 1 && r.height > 1 && s.visibility !== 'hidden' && s.display !== 'none' && !e.closest('.unseen, .skip, [hidden]') }

  const texts = []
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement
    if (!n.textContent.trim() || !shown(e) || e.closest('option, select, noscript, script, style')) continue
    const range = document.createRange()
    range.selectNodeContents(n)
    for (const r of range.getClientRects()) if (r.width > 1 && r.height > 1) texts.push({ e, r })
    if (e.closest(':disabled')) continue
    const under = ground(e)
    const c = rgba(getComputedStyle(e).color)
    c[3] *= opacity(e)
    const [a, b] = [light(over(c, under)), light(under)].sort((x, y) => y - x)
    const contrast = (a + 0.05) / (b + 0.05)
    if (contrast < 4.5) out.push(`${name(e)} has a contrast of ${contrast.toFixed(2)}`)
  }

  // Text over text, where neither holds the other and nothing scrolls or sticks.
  const still = texts.filter(({ e }) => !e.closest('.scroll, .legend, pre, .top, .tip, .tabs'))
  for (let i = 0; i < still.length; i++) {
    for (let j = i + 1; j < still.length; j++) {
      const [x, y] = [still[i], still[j]]
      if (x.e === y.e || x.e.contains(y.e) || y.e.contains(x.e)) continue
      const wide = Math.min(x.r.right, y.r.right) - Math.max(x.r.left, y.r.left)
      const high = Math.min(x.r.bottom, y.r.bottom) - Math.max(x.r.top, y.r.top)
      if (wide > 2 && high > 4) out.push(`${name(x.e)} overlaps ${name(y.e)}`)
    }
  }
  const panels = [...document.querySelectorAll('.panel')]
  for (const p of panels) {
    const r = p.getBoundingClientRect()
    for (const q of panels) {
      const s = q.getBoundingClientRect()
      if (p !== q && Math.min(r.right, s.right) - Math.max(r.left, s.left) > 1 && Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top) > 1) out.push(`${name(p.querySelector('h2, h3'))} overlaps ${name(q.querySelector('h2, h3'))}`)
    }
    for (const e of p.querySelectorAll('.big, h2, h3, .barlist')) {
      const x = e.getBoundingClientRect()
      if (x.right > r.right + 1 || x.left < r.left - 1 || x.bottom > r.bottom + 1) out.push(`${name(e)} stands out of its panel`)
      if (e.scrollWidth > e.clientWidth + 1) out.push(`${name(e)} is cut`)
    }
  }

  // A table's foot is the sum of its column as far as it is shown.
  for (const t of document.querySelectorAll('table')) {
    const foot = t.tFoot?.rows[0]
    if (!foot) continue
    ;[...foot.cells].forEach((c, k) => {
      if (!/^-?\$[\d,.]+$/.test(c.textContent)) return
      const read = (s) => Number(s.replace(/[$,]/g, '').replace(/^at least /, ''))
      const cells = [...t.tBodies[0].rows].map((r) => r.cells[k].textContent)
      if (!cells.every((s) => /^(at least )?-?\$[\d,.]+$/.test(s))) return
      const total = cells.map(read).reduce((x, y) => x + y, 0)
      if (Math.abs(total - read(c.textContent)) > 0.01 * cells.length) out.push(`the foot says ${c.textContent}, the rows add up to ${total}`)
    })
  }
  return [...new Set(out)]
}
