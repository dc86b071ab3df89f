"""A notification job as one would write it, as an engine of kind process: it
counts usage in Redis, and when it is polled it looks at every account and sends
what is reached and not sent. It reads its input while it works, in a thread.

Options: send: each, or highest, which sends the highest threshold alone and so
leaves out those below it."""
import calendar
import datetime
import json
import queue
import sys
import threading

import redis

from examples import at, prefix, version

UTC = datetime.timezone.utc


def period(account, ms):
    """The billing period that an instant is in: (start, end) in milliseconds."""
    now = datetime.datetime.fromtimestamp(ms / 1000, UTC)
    if account['plan'] != 'period':  # months of the calendar
        anchor = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    else:
        anchor = datetime.datetime.fromtimestamp(account['anchor_ms'] / 1000, UTC)

    def start(k):  # months are counted from the anchor, its day clipped to the month's end
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + k, 12)
        day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
        return anchor.replace(year=year, month=month + 1, day=day)
    k = (now.year - anchor.year) * 12 + now.month - anchor.month
    if start(k) > now:
        k -= 1
    return start(k).timestamp() * 1000, start(k + 1).timestamp() * 1000


class Job:
    def __init__(self, hello):
        self.redis, self.prefix = redis.Redis(**at(hello)), prefix(hello)
        self.thresholds = hello['engine']['thresholds']
        self.accounts = {a['id']: a for a in hello['engine']['accounts']}
        self.highest = hello['options'].get('send', 'each') == 'highest'

    def key(self, kind, account, start):
        return '%s%s:%d:%d' % (self.prefix, kind, account['id'], start)

    def usage(self, news):
        with self.redis.pipeline(transaction=False) as pipe:
            for u in news:
                account = self.accounts[u['account']]
                pipe.incrby(self.key('used', account, period(account, u['at_ms'])[0]), u['units'])
            pipe.execute()

    def poll(self, now):
        for account in self.accounts.values():
            start, end = period(account, now)
            self.look(account, *period(account, start - 1), None)  # what came after the last poll in it
            self.look(account, start, end, now)

    def look(self, account, start, end, now):
        used = int(self.redis.get(self.key('used', account, start)) or 0)
        reached = [t for t in self.thresholds if 100 * used >= t * account['limit']]
        if not reached:
            return
        sent = {int(t) for t in self.redis.smembers(self.key('sent', account, start))}
        for threshold in reached[-1:] if self.highest else reached:
            if threshold in sent or not self.redis.sadd(self.key('sent', account, start), threshold):
                continue
            notice = dict(account=account['id'], threshold=threshold, period_ms=start, usage=used, limit=account['limit'])
            say(dict(notice=dict(notice, as_of_ms=end - 1) if now is None else dict(notice)))


def say(line):
    sys.stdout.write(json.dumps(line, separators=(',', ':')) + '\n')
    sys.stdout.flush()


def work(lines):
    job = None
    while True:
        line = lines.get()
        if 'hello' in line:
            job = Job(line['hello'])
            say(dict(ready=dict(protocol=1, name='job', version=version('redis'))))
            continue
        answer = dict(id=line['id'], ok=True)
        try:
            if 'accounts' in line:
                job.accounts.update({a['id']: a for a in line['accounts']})
            if 'usage' in line:
                job.usage(line['usage'])
            if 'poll' in line:
                job.poll(line['now_ms'])
        except redis.RedisError as error:
            answer = dict(id=line['id'], error=repr(error), kind='connection')
        say(answer)


lines = queue.SimpleQueue()
threading.Thread(target=work, args=(lines,), daemon=True).start()
for text in sys.stdin:
    lines.put(json.loads(text))
