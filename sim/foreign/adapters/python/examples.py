"""Limiters to start from: naive ones on redis-py, and the package limits."""
import time

import redis


def only(hello):
    return next(iter(hello['limits'].values()))


def at(hello):
    """Where the first shard is."""
    return dict(unix_socket_path=hello['shards'][0]['socket'])


def prefix(hello):
    """What keys on live servers begin with, so that quotalab can take them away."""
    return hello.get('prefix', '')


def version(name):
    from importlib.metadata import version as of
    return of(name)


def naive_by(hello, client):
    """Reads, then writes: two callers at once see the same count."""
    count, period = only(hello)['count'], int(only(hello)['period_ms'])

    def take(t):
        key = prefix(hello) + t['key']
        spent = int(client.get(key) or 0)
        if spent + t['cost'] > count:
            return dict(allowed=False, remaining=count - spent)
        client.set(key, spent + t['cost'], px=period)
        return dict(allowed=True, remaining=count - spent - t['cost'])
    return dict(name='redis', version=version('redis'), keys=prefix(hello) + '{key}'), take


def naive(hello):
    return naive_by(hello, redis.Redis(**at(hello)))


def naive_pool(hello):
    """Four connections that threads wait for."""
    pool = redis.BlockingConnectionPool(max_connections=4, timeout=None, connection_class=redis.UnixDomainSocketConnection, path=hello['shards'][0]['socket'])
    return naive_by(hello, redis.Redis(connection_pool=pool))


SCRIPT = """local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n + tonumber(ARGV[2]) > tonumber(ARGV[1]) then return {0, n} end
if redis.call('INCRBY', KEYS[1], ARGV[2]) == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {1, n + tonumber(ARGV[2])}"""


def script(hello):
    spend = redis.Redis(**at(hello)).register_script(SCRIPT)
    count, period = only(hello)['count'], int(only(hello)['period_ms'])

    def take(t):
        ok, spent = spend(keys=[prefix(hello) + t['key']], args=[count, t['cost'], period])
        return dict(allowed=ok == 1, remaining=count - spent)
    return dict(name='redis', version=version('redis'), keys=prefix(hello) + '{key}'), take


def script_retry(hello):
    """Waits 20 ms and asks again, once."""
    about, once = script(hello)

    def take(t):
        answer = once(t)
        if not answer['allowed']:
            time.sleep(0.02)
            answer = once(t)
        return answer
    return about, take


def of_limits(strategy, test_first=False):
    def make(hello):
        import limits
        storage = limits.storage.storage_from_string('redis+unix://' + hello['shards'][0]['socket'])
        limiter = getattr(limits.strategies, strategy)(storage)
        item = limits.RateLimitItemPerSecond(only(hello)['count'], int(only(hello)['period_ms'] / 1000), namespace=prefix(hello) + 'LIMITER')

        def take(t):
            if test_first and not limiter.test(item, t['key']):
                return dict(allowed=False)
            allowed = bool(limiter.hit(item, t['key'], cost=t['cost']))
            return dict(allowed=allowed or test_first)
        take.storage = storage  # the strategy itself holds it only weakly
        return dict(name='limits', version=version('limits')), take
    return make


ALL = {
    'naive': naive, 'naive-pool': naive_pool, 'script': script, 'script-retry': script_retry,
    'limits-fixed-window': of_limits('FixedWindowRateLimiter'),
    'limits-fixed-window-test-then-hit': of_limits('FixedWindowRateLimiter', True),
    'limits-elastic-window': of_limits('FixedWindowElasticExpiryRateLimiter'),
    'limits-moving-window': of_limits('MovingWindowRateLimiter'),
}
