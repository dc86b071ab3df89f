'use strict'
// A service as one would write it: express, express-rate-limit, rate-limit-redis,
// ioredis. It knows nothing of quotalab: its environment says where its Redis is
// and what it listens on.
const express = require('express')
const { rateLimit } = require('express-rate-limit')
const { RedisStore } = require('rate-limit-redis')
const { default: Redis } = require('ioredis')

const redis = new Redis(process.env.REDIS) // the path of a Unix socket, or a URL
const app = express()
app.use(rateLimit({
  windowMs: Number(process.env.WINDOW_MS || 60_000),
  limit: Number(process.env.LIMIT || 100),
  standardHeaders: 'draft-8',
  legacyHeaders: false,
  validate: false, // its address is a Unix socket
  keyGenerator: (req) => req.get('x-api-key'),
  store: new RedisStore({ prefix: (process.env.PREFIX || '') + 'rl:', sendCommand: (command, ...args) => redis.call(command, ...args) })
}))
app.get('/hello', (req, res) => res.send('hello'))
redis.once('ready', () => app.listen(process.env.PORT || 3000))
