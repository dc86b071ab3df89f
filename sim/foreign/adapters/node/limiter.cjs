'use strict'
// Connect your limiter here. hello tells the shards ({name, socket}), the limits
// of the scenario by name ({count, period_ms, burst}) and its options. Return
// take({key, cost, limit, mode}), which resolves to {allowed, remaining, retryAfter in ms},
// and if you know it the form of the keys in Redis.
const examples = require('./examples.cjs')

module.exports = async (hello) => {
  const make = examples[hello.options.limiter]
  if (!make) throw new Error(`options.limiter: expected one of ${Object.keys(examples).join(', ')}, found ${hello.options.limiter}`)
  return make(hello)
}
