'use strict'
// Limiters to start from: naive ones, and the packages that most people use.
const { default: Redis } = require('ioredis')

// Where a shard is. On live servers keys begin with a prefix, so that quotalab can
// take them away.
const at = ({ prefix }, { socket }) => ({ path: socket, keyPrefix: prefix })
const named = ({ prefix = '' }) => prefix + '{key}'
// ioredis on a shard, connected
const connect = async (hello, shard = hello.shards[0]) => {
  const client = new Redis(at(hello, shard))
  client.on('error', (e) => console.error(e.message))
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve))
  return client
}
const only = (hello) => Object.values(hello.limits)[0]

// Reads, then writes: two callers at once see the same count.
const naive = ({ count, period_ms: period }, client, n = 0) => async ({ key, cost }) => {
  const redis = Array.isArray(client) ? client[n++ % client.length] : client
  const spent = Number(await redis.get(key) || 0)
  if (spent + cost > count) return { allowed: false, remaining: count - spent }
  await redis.set(key, spent + cost, 'PX', period)
  return { allowed: true, remaining: count - spent - cost }
}

const SCRIPT = `local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n + tonumber(ARGV[2]) > tonumber(ARGV[1]) then return {0, n} end
if redis.call('INCRBY', KEYS[1], ARGV[2]) == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {1, n + tonumber(ARGV[2])}`
const script = async (hello) => {
  const client = await connect(hello)
  client.defineCommand('spend', { numberOfKeys: 1, lua: SCRIPT })
  const { count, period_ms: period } = only(hello)
  return async ({ key, cost }) => {
    const [ok, spent] = await client.spend(key, count, cost, period)
    return { allowed: ok === 1, remaining: count - spent }
  }
}

const flexible = (name) => async (hello) => {
  const { count, period_ms: period } = only(hello)
  const limiter = new (require('rate-limiter-flexible')[name])({ storeClient: await connect(hello), points: count, duration: period / 1000, keyPrefix: 'rlf' })
  const take = async ({ key, cost }) => {
    try { return { allowed: true, remaining: (await limiter.consume(key, cost)).remainingPoints } } catch (e) {
      if (e instanceof Error) throw e
      return { allowed: false, remaining: e.remainingPoints, retryAfter: e.msBeforeNext }
    }
  }
  return { name: 'rate-limiter-flexible', keys: named(hello).replace('{key}', 'rlf:{key}'), take }
}

// Its Redis is an object with eval and evalsha: any client will do. Its scripts
// begin with a flag that only Upstash knows; a Redis refuses them with it.
const upstash = (algorithm) => async (h) => {
  const { Ratelimit } = require('@upstash/ratelimit')
  const client = await connect(h)
  const { count, period_ms: period, burst } = only(h)
  const limiter = new Ratelimit({
    limiter: algorithm(Ratelimit, count, `${period} ms`, burst), ephemeralCache: false,
    redis: {
      eval: (text, keys, args) => client.eval(text.replace(/^#!lua.*\n/, ''), keys.length, ...keys, ...args.map(String)),
      evalsha: async () => { throw new Error('NOSCRIPT') } // asked for again by eval
    }
  })
  return {
    name: '@upstash/ratelimit',
    take: async ({ key, cost }) => {
      const { success, remaining, reset } = await limiter.limit(key, { rate: cost })
      return { allowed: success, remaining, retryAfter: reset - Date.now() }
    }
  }
}

module.exports = {
  naive: async (h) => ({ name: 'ioredis', keys: named(h), take: naive(only(h), await connect(h)) }),
  // four connections, used in turn
  'naive-pool': async (h) => ({ name: 'ioredis', keys: named(h), take: naive(only(h), await Promise.all([1, 2, 3, 4].map(() => connect(h)))) }),
  'naive-node-redis': async (h) => {
    const client = require('redis').createClient({ socket: { path: h.shards[0].socket } })
    client.on('error', (e) => console.error(e.message))
    await client.connect()
    return { name: 'redis', keys: named(h), take: naive(only(h), { get: (k) => client.get((h.prefix || '') + k), set: (k, v, _, px) => client.set((h.prefix || '') + k, String(v), { PX: px }) }) }
  },
  script: async (h) => ({ name: 'ioredis', keys: named(h), take: await script(h) }),
  // waits 20 ms and asks again, once
  'script-retry': async (h) => {
    const take = await script(h)
    return {
      name: 'ioredis', keys: named(h),
      take: async (t) => {
        const d = await take(t)
        if (d.allowed) return d
        await new Promise((resolve) => setTimeout(resolve, 20))
        return take(t)
      }
    }
  },
  // a count on every shard, all at once
  'all-shards': async (h) => {
    const clients = await Promise.all(h.shards.map((s) => connect(h, s)))
    const { count } = only(h)
    return {
      name: 'ioredis', keys: named(h),
      take: async ({ key, cost }) => {
        const most = Math.max(...await Promise.all(clients.map((c) => c.incrby(key, cost))))
        return { allowed: most <= count, remaining: Math.max(0, count - most) }
      }
    }
  },
  // hashes on libuv's threads between reading and writing
  'thread-pool': async (h) => {
    const client = await connect(h)
    const { count, period_ms: period } = only(h)
    const hash = require('util').promisify(require('crypto').pbkdf2)
    return {
      name: 'ioredis', keys: named(h),
      take: async ({ key, cost }) => {
        const spent = Number(await client.get(key) || 0)
        await hash(key, 'salt', 2000, 32, 'sha256')
        if (spent + cost > count) return { allowed: false }
        await client.set(key, spent + cost, 'PX', period)
        return { allowed: true }
      }
    }
  },
  'rate-limiter-flexible': flexible('RateLimiterRedis'),
  'rate-limiter-flexible-non-atomic': flexible('RateLimiterRedisNonAtomic'),
  'rate-limit-redis': async (h) => {
    const client = await connect(h)
    const store = new (require('rate-limit-redis').RedisStore)({ sendCommand: (...words) => client.call(...words) })
    const { count, period_ms: period } = only(h)
    await store.init({ windowMs: period })
    return {
      name: 'rate-limit-redis', keys: named(h).replace('{key}', 'rl:{key}'),
      take: async ({ key, cost }) => {
        if (cost !== 1) throw new Error(`a store of express-rate-limit counts requests, found a cost of ${cost}`)
        const { totalHits, resetTime } = await store.increment(key)
        return { allowed: totalHits <= count, remaining: Math.max(0, count - totalHits), retryAfter: resetTime - Date.now() }
      }
    }
  },
  upstash: upstash((R, count, period) => R.slidingWindow(count, period)),
  'upstash-fixed-window': upstash((R, count, period) => R.fixedWindow(count, period)),
  'upstash-token-bucket': upstash((R, count, period, burst) => R.tokenBucket(count, period, burst)),
  // a reservoir for each key
  bottleneck: async (h) => {
    const Bottleneck = require('bottleneck')
    const { count, period_ms: period } = only(h)
    const group = new Bottleneck.Group({
      id: 'limit', datastore: 'ioredis', Redis, clientOptions: at(h, h.shards[0]), timeout: Math.min(2 * period, 2 ** 31 - 1),
      reservoir: count, reservoirRefreshAmount: count, reservoirRefreshInterval: period,
      highWater: 0, strategy: Bottleneck.strategy.OVERFLOW
    })
    group.on('error', (e) => console.error(e))
    return {
      name: 'bottleneck',
      take: async ({ key, cost }) => {
        try {
          await group.key(key).schedule({ weight: cost }, async () => {})
          return { allowed: true }
        } catch (e) {
          if (e instanceof Bottleneck.BottleneckError && /dropped/.test(e.message)) return { allowed: false }
          throw e
        }
      }
    }
  }
}
