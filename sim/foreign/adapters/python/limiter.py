"""Connect your limiter here. make gets what quotalab says: the shards (name,
socket), the limits of the scenario by name (count, period_ms, burst) and its
options. It returns what the limiter is (name, version, and if you know it the
form of the keys in Redis) and take, which gets key, cost, limit and mode and
returns allowed, remaining and retry_after_ms, as far as they are known."""
import examples


def make(hello):
    name = hello['options'].get('limiter')
    if name not in examples.ALL:
        raise SystemExit('options.limiter: expected one of %s, found %s' % (', '.join(examples.ALL), name))
    return examples.ALL[name](hello)
