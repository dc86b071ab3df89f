'use strict'
// Speaks quotalab's protocol 1 on standard input and output: a line of JSON is
// a question, a line of JSON is the answer. What you connect is in limiter.cjs;
// this file can stay as it is.
const readline = require('readline')
// some packages do not export their package.json
const package_ = (name) => { try { return JSON.parse(require('fs').readFileSync(`${__dirname}/node_modules/${name}/package.json`)).version } catch { return '' } }
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')
// Whatever a library prints must not come between the answers.
console.log = console.info = console.debug = console.error

let take
const greet = async (hello) => {
  const made = await require('./limiter.cjs')(hello)
  take = made.take
  say({ ready: { protocol: 1, name: made.name, version: package_(made.name), keys: made.keys } })
}
const decide = async (m) => {
  const clock = Date.now(), began = process.hrtime.bigint()
  const took = () => Number(process.hrtime.bigint() - began) / 1e3
  try {
    const d = await take(m.takes[0])
    say({ id: m.id, allowed: d.allowed, remaining: d.remaining, retry_after_ms: d.retryAfter, clock_ms: clock, took_us: took() })
  } catch (e) {
    const kind = /timed? ?out/i.test(e.message) ? 'timeout' : /ECONN|EPIPE|closed/i.test(e.message) ? 'connection' : /^[A-Z]{3,} /.test(e.message) ? 'server' : 'unexpected'
    say({ id: m.id, error: String(e.stack || e), kind, took_us: took() })
  }
}
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const m = JSON.parse(line)
    if (m.hello) greet(m.hello).catch((e) => { console.error(e); process.exit(1) })
    else decide(m)
  })
  .on('close', () => process.exit(0)) // quotalab has ended
