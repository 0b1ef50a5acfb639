"""The process of one subject that keeps its metrics in Redis, and of its server: takes its turns when it
is told to."""

import json
import multiprocessing
import os
import re
import sys
import time

from drive import Workers, check, end_with
from redis_server import Server
from redis_subjects import BUCKETS, NAMES, REDIS_SUBJECTS
from subjects import amount

# Its sums are exact. Six buckets of eleven and +Inf count it; of a value between 1 ms and 20 s, as
# likely in one order of magnitude as in another, it would be as many.
VALUE = 0.25
# All buckets count it.
LEAST = 2**-10

SAMPLE = re.compile(r'(\w+)\{endpoint="([^"]+)"(?:,le="([^"]+)")?\} (\S+)')


class Histogram:
    def __init__(self):
        self.buckets, self.sum, self.count = {}, 0.0, 0.0

    def consistent(self, value):
        """Whether it is what observations of this value leave behind, however many."""
        last = self.buckets.get(max(self.buckets, default=None), 0.0)
        return self.sum == value * self.count and last == self.count


def samples(page):
    """Those that have labels: one library adds a histogram without."""
    for line in page.splitlines():
        if found := SAMPLE.fullmatch(line):
            name, endpoint, bound, value = found.groups()
            yield name, endpoint, bound, float(value)


def histograms(page):
    found = {}
    for name, endpoint, bound, value in samples(page):
        histogram = found.setdefault(endpoint, Histogram())
        if bound is not None:
            histogram.buckets[float(bound)] = value
        elif name == NAMES["histogram"] + "_sum":
            histogram.sum = value
        elif name == NAMES["histogram"] + "_count":
            histogram.count = value
    return found


def check_counters(page, series, total):
    values = [value for name, _, _, value in samples(page) if name == NAMES["counter"]]
    check((len(values), sum(values)), (series, total))


def check_histograms(page, series, value, count):
    """That each has this many observations of this value."""
    found = histograms(page)
    check(len(found), series)
    for histogram in found.values():
        check((histogram.sum, histogram.count), (value * count, count))
        # Not all libraries show a bucket that counts nothing, and one has none for the infinite.
        found_buckets = {bound: histogram.buckets.get(bound, 0) for bound in BUCKETS}
        check(found_buckets, {bound: count if value <= bound else 0 for bound in BUCKETS})
        check(histogram.buckets.get(float("inf"), count), count)


def update(subject, ops):
    """Microseconds of an update, awaited one after the other unless the subject says otherwise."""
    subject.enter()
    histogram = subject.kind == "histogram"
    each = VALUE if histogram else 1
    subject.count(0, each)
    count = 1
    while True:
        began = time.perf_counter()
        subject.count(0, each, ops)
        took = (time.perf_counter() - began) * 1e6 / ops
        count += ops
        if histogram:
            check_histograms(subject.page(), 1, VALUE, count)
        else:
            check_counters(subject.page(), 1, count)
        yield [took]


def fill(subject, series):
    """Connects, and counts in every series once."""
    subject.enter()
    for index in range(series):
        subject.count(index, LEAST if subject.kind == "histogram" else amount(index))


def fill_elsewhere(subject, series):
    """In a process that is gone afterwards, with its connections and what the server keeps for them."""
    def run(parent):
        end_with(parent)
        fill(subject, series)

    process = multiprocessing.get_context("fork").Process(target=run, args=(os.getpid(),))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit("error: the process that counts has failed")


def check_filled(subject, page, series):
    if subject.kind == "histogram":
        check_histograms(page, series, LEAST, 1)
    else:
        check_counters(page, series, sum(amount(index) for index in range(series)))


def page(subject, series):
    """Milliseconds of a page, after one that is thrown away."""
    fill(subject, series)
    subject.page()
    while True:
        began = time.perf_counter()
        text = subject.page()
        took = (time.perf_counter() - began) * 1e3
        check_filled(subject, text, series)
        yield [took]


def memory(subject, server, series):
    """Bytes of the server for a series: by which it has grown, and of the keys alone. Once."""
    # What the server keeps of each command that was ever given, it has before.
    fill_elsewhere(subject, 1)
    server.client.flushall()
    before = server.used_memory()
    fill_elsewhere(subject, series)
    grown = server.used_memory() - before
    keys = server.memory_of_keys()
    subject.enter()
    check_filled(subject, subject.page(), series)
    yield [grown / series, keys / series]


def consistency(subject, processes, seconds):
    """Scrapes, while others observe all the time, that show what no observations can have left."""
    stop = multiprocessing.get_context("fork").Event()

    def work(subject):
        yield None
        while True:
            yield subject.count_until(stop, 0, VALUE)

    workers = Workers(subject, processes, work)
    subject.enter()
    subject.count(0, VALUE)
    count = 1
    while True:
        stop.clear()
        for pipe in workers.pipes:
            pipe.send("turn")
        scrapes = inconsistent = 0
        seen = set()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            (histogram,) = histograms(subject.page()).values()
            scrapes += 1
            inconsistent += not histogram.consistent(VALUE)
            seen.add(histogram.count)
        stop.set()
        count += sum(workers.answers())
        # Nobody observes any more: what was observed is there, and fits together.
        check_histograms(subject.page(), 1, VALUE, count)
        if len(seen) < scrapes / 10:
            raise SystemExit(f"error: {scrapes} scrapes have seen only {len(seen)} different counts")
        yield [inconsistent, scrapes]


def main():
    name, what, processes, series, ops, parent = sys.argv[1:]
    processes, series, ops = int(processes), int(series), int(ops)
    end_with(int(parent))
    server = Server(os.environ["TMPDIR"])
    counter = what in ("inc", "counters", "counters-memory")
    subject = REDIS_SUBJECTS[name](server.port, "counter" if counter else "histogram")
    if what in ("inc", "observe"):
        turns = update(subject, ops)
    elif what == "consistency":
        turns = consistency(subject, processes, seconds=ops)
    elif what.endswith("-memory"):
        turns = memory(subject, server, series)
    else:
        turns = page(subject, series)
    try:
        for _ in sys.stdin:
            print(json.dumps(next(turns)), flush=True)
    finally:
        server.end()


if __name__ == "__main__":
    main()
