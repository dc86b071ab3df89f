#!/usr/bin/env python3
"""Recomputes a summary from the exported CSV of a record, independently of quotalab's own code.

    quotalab export RECORD -o csv=observations.csv
    recompute.py RECORD/manifest.json RECORD/summary.json observations.csv

Counts by outcome, latency percentiles, over- and under-admission and the spread of keys
over shards are computed from the CSV lines and the limits in the manifest alone, with
integers and fractions; each difference from the summary is printed, and the exit code is 1.
"""
import collections
import csv
import datetime
import fractions
import json
import math
import sys

NEVER = -1


def nanoseconds(text):
    """Reads decimal seconds exactly; empty text is an unknown instant."""
    if text == "":
        return NEVER
    whole, _, part = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 10**9 + sign * int((part + "0" * 9)[:9])


def instant(text, epoch):
    """Reads an RFC 3339 time as nanoseconds after the epoch."""
    date, _, part = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.timezone.utc)
    return int((at - epoch).total_seconds()) * 10**9 + int((part + "0" * 9)[:9])


class Observation:
    """Observation is one request: its CSV lines differ in the take alone."""

    def __init__(self, row, epoch):
        self.traffic, self.client, self.limiter = row["traffic"], row["client"], row["limiter"]
        self.decision, self.key = row["decision"], row["key_state"]
        self.due = instant(row["intended"], epoch)
        self.sent, self.done = nanoseconds(row["sent_s"]), nanoseconds(row["done_s"])
        self.judged, self.effect = nanoseconds(row["judged_s"]), nanoseconds(row["effect_s"])
        self.order = int(row["order"] or NEVER)
        self.takes = []

    def admitted(self):
        return self.decision in ("allowed", "fail_open")

    def now(self):
        """The instant by which the limiter judged."""
        return next((t for t in (self.judged, self.effect) if t >= 0), self.done)

    def turn(self):
        """Sorts by order of effect."""
        return (self.effect, self.order) if self.effect >= 0 else (self.done, self.order)


def read(path, epoch):
    observations = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            o = observations.setdefault(row["seq"], Observation(row, epoch))
            if row["limit"]:
                o.takes.append((row["limit"], row["key"], int(row["cost"]), row["mode"], row["shard"]))
    return list(observations.values())


class Bucket:
    """Bucket is a GCRA in exact numbers: tat is when it is full again."""

    def __init__(self, interval, burst):
        self.interval, self.burst, self.tat = interval, burst, None

    def boundary(self, cost):
        """The first instant at which a request of that cost fits; None: always."""
        if cost > self.burst:
            return math.inf
        return None if self.tat is None else self.tat - (self.burst - cost) * self.interval

    def fits(self, now, cost, slack=0):
        at = self.boundary(cost)
        return at is None or now + slack >= at

    def margin(self, now, cost):
        at = self.boundary(cost)
        return math.inf if at is None else abs(now - math.ceil(at))

    def spend(self, now, cost):
        self.tat = (now if self.tat is None else max(now, self.tat)) + cost * self.interval


class Key:
    """Key is what was admitted on one key: kept keeps the promise, given is everything."""

    def __init__(self, limit, rounded):
        interval = limit["periodNanoseconds"] // limit["count"] if rounded else fractions.Fraction(limit["periodNanoseconds"], limit["count"])
        self.kept, self.given = Bucket(interval, limit["burst"]), Bucket(interval, limit["burst"])


def limit_of(limiter, name, key):
    for o in limiter.get("overrides", []):
        if o["name"] == name and o["key"] == key:
            return o
    return next(l for l in limiter["limits"] if l["name"] == name)


def admission(limiter, observations, warmup):
    """Returns over- and under-admission in requests, for costs that are all alike."""
    over = under = 0
    keys = {}
    slack = limiter["resolutionNanoseconds"]
    for o in sorted((o for o in observations if o.limiter == limiter["name"]), key=Observation.turn):
        if o.decision not in ("allowed", "denied", "fail_open"):
            continue
        now, counts = o.now(), o.due >= warmup
        at = []
        for limit, key, cost, mode, _ in o.takes:
            if (limit, key) not in keys:
                keys[limit, key] = Key(limit_of(limiter, limit, key), limiter["algorithm"] == "gcra")
            at.append((keys[limit, key], cost, mode))
        takes = [(k, cost) for k, cost, mode in at if mode == "take"]
        if not o.admitted():
            checked = [(k, cost) for k, cost, mode in at if mode != "spend"]
            room = checked and all(k.given.fits(now, cost) for k, cost in checked)
            if room and not (slack > 0 and min(k.given.margin(now, cost) for k, cost in checked) <= slack):
                under += counts
            continue
        lacking = [(k, cost) for k, cost in takes if not k.kept.fits(now, cost)]
        kept = not lacking or slack > 0 and max(k.kept.margin(now, cost) for k, cost in lacking) <= slack
        over += counts and not kept
        for k, cost in takes:
            k.given.spend(now, cost)
            if kept:
                k.kept.spend(now, cost)
        for k, cost, mode in at:
            if mode == "spend" and k.given.fits(now, cost):
                k.given.spend(now, cost)
                k.kept.spend(now, cost)
    return over, under


def percentile(samples, p):
    """The nearest rank: the smallest sample that at least p percent do not exceed."""
    rank = min(max(math.ceil(p / 100 * len(samples) - 1e-9), 1), len(samples))
    value = samples[rank - 1]
    if len(set(samples)) <= EXACT:
        return value
    shift = max(0, value.bit_length() - 11)  # HDR histogram of three digits: 2,048 sub-buckets
    return min(max(((value >> shift) + 1 << shift) - 1, samples[0]), samples[-1])


EXACT = 64  # distinct values up to which quotalab keeps them all


class Check:
    def __init__(self, summary):
        self.summary, self.compared, self.wrong = summary, 0, []

    def total(self, name, **tags):
        return sum(m["count"] for m in self.series(name, **tags))

    def series(self, name, **tags):
        return [m for m in self.summary["metrics"] if m["name"] == name and all(m["tags"].get(k) == v for k, v in tags.items())]

    def same(self, what, found, expected):
        self.compared += 1
        if found != expected:
            self.wrong.append(f"{what}: the summary says {found!r}, the CSV {expected!r}")


def outcomes(check, observations, warmup):
    groups = collections.defaultdict(list)
    for o in observations:
        if o.due >= warmup:
            groups[o.traffic, o.limiter, o.client, o.decision, o.key].append(o)
    for (traffic, limiter, client, decision, key), list_ in sorted(groups.items()):
        tags = {"traffic": traffic, "decision": decision, "key": key, **({"limiter": limiter} if limiter else {}), **({"client": client} if client else {})}
        check.same(f"decisions {tags}", check.total("decisions", **tags), len(list_))
        trends = check.series("latency", **tags)
        if len(trends) != 1 or decision == "dropped":
            continue  # a run with faults has one for each phase
        latency = sorted(o.done - o.sent for o in list_)
        for name, p in (("min", 0), ("med", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p999", 99.9), ("max", 100)):
            expected = latency[0] if name == "min" else latency[-1] if name == "max" else percentile(latency, p)
            check.same(f"latency {name} {tags}", round(trends[0][name] * 1e9), expected)


def chi_squared(counts):
    total, n = sum(counts), len(counts)
    return float(sum((fractions.Fraction(c) - fractions.Fraction(total, n)) ** 2 for c in counts) / fractions.Fraction(total, n))


def balance(check, manifest, observations, warmup):
    """A key lives on the shard on which a client looked for it last, so that one
    which a fault moves is counted once."""
    for limiter in manifest["limiters"]:
        last = {}
        for o in observations:
            if o.limiter == limiter["name"] and o.due >= warmup:
                for limit, key, _, _, shard in o.takes:
                    if shard:
                        last[o.client.partition("/")[0], limit, key] = shard
        where = {s: set() for s in manifest["shards"]}
        for (_, limit, key), shard in last.items():
            where[shard].add((limit, key))
        for shard, keys in where.items():
            if check.series("shard_keys", limiter=limiter["name"], shard=shard):
                check.same(f"shard_keys {limiter['name']} {shard}", check.total("shard_keys", limiter=limiter["name"], shard=shard), len(keys))
        for m in check.series("shard_balance", limiter=limiter["name"], of="keys", stat="chi2"):
            found, expected = m["value"], chi_squared([len(k) for k in where.values()])
            check.same(f"chi2 {limiter['name']}", True, math.isclose(found, expected, rel_tol=1e-12))


def main(manifest_path, summary_path, csv_path):
    manifest, summary = (json.load(open(p)) for p in (manifest_path, summary_path))
    epoch = datetime.datetime.fromisoformat(manifest["epoch"].rstrip("Z")).replace(tzinfo=datetime.timezone.utc)
    observations, warmup = read(csv_path, epoch), manifest["warmupNanoseconds"]
    check = Check(summary)
    check.same("observations", summary["observations"], len(observations))
    outcomes(check, observations, warmup)
    for limiter in manifest["limiters"]:
        if limiter.get("algorithm") in ("gcra", "gcra_float"):
            over, under = admission(limiter, observations, warmup)
            check.same(f"over_admission {limiter['name']}", check.total("over_admission", limiter=limiter["name"]), over)
            check.same(f"under_admission {limiter['name']}", check.total("under_admission", limiter=limiter["name"]), under)
    balance(check, manifest, observations, warmup)
    for line in check.wrong:
        print(line)
    print(f"{summary['scenario']}: {check.compared} numbers compared, {len(check.wrong)} differ")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
