"""The libraries that keep their metrics in Redis, each with the few things that it is asked to do.

A subject has one family, with one label. It is made before processes are forked (`__init__`); `enter`
is called in each of those that count or write pages, and connects.
"""

import asyncio
import threading

from redis_server import HOST
from subjects import HELP

NAMES = {"counter": "http_requests_total", "histogram": "http_request_duration_seconds"}
LABEL = "endpoint"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Of one process, all at once.
THREADS = 4
# Increments on their way at once: each has a connection of its own.
AT_ONCE = 100

ALL = {"inc", "observe", "counters", "histograms", "counters-memory", "histograms-memory",
       "consistency"}


def endpoint(index):
    """`http_requests_total{endpoint="/api/v1/orders/100000"}` has 53 bytes."""
    return f"/api/v1/orders/{100_000 + index}"


class Threaded:
    """What the subjects have in common whose calls return when Redis has answered."""

    def count(self, index, amount, times=1):
        """Increments a counter, or observes."""
        count = self.handle(index)
        for _ in range(times):
            count(amount)

    def count_until(self, stop, index, amount):
        """From several threads. How often."""
        counts = [0] * THREADS

        def run(number):
            count = self.handle(index)
            while not stop.is_set():
                count(amount)
                counts[number] += 1

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts)


class Floor(Threaded):
    """What redis-py and the server ask for; all numbers of a histogram change at once."""

    name, peer, variant = "floor", "floor", "redis-py, one round trip"
    note = ("HINCRBY; a histogram is one hash, written with MULTI and EXEC in one round trip and read "
            "with HGETALL")
    can, most_series = {"inc", "observe", "consistency"}, 1

    def __init__(self, port, kind):
        self.port, self.kind, self.key = port, kind, NAMES[kind]

    def enter(self):
        import redis

        self.redis = redis.Redis(HOST, self.port, decode_responses=True)

    def handle(self, index):
        assert index == 0
        return self.inc if self.kind == "counter" else self.observe

    def inc(self, amount):
        self.redis.hincrby(self.key, self.sample(""), amount)

    def observe(self, value):
        pipeline = self.redis.pipeline()
        for bound in BUCKETS + ("+Inf",):
            if value <= float(bound):
                pipeline.hincrby(self.key, self.sample("_bucket", f',le="{bound}"'), 1)
        pipeline.hincrbyfloat(self.key, self.sample("_sum"), value)
        pipeline.hincrby(self.key, self.sample("_count"), 1)
        pipeline.execute()

    def sample(self, suffix, more=""):
        return f'{self.key}{suffix}{{{LABEL}="{endpoint(0)}"{more}}}'

    def page(self):
        return "\n".join(f"{name} {value}" for name, value in self.redis.hgetall(self.key).items())


class Pytheus(Threaded):
    """The Python library of the same name, on its Redis backend."""

    name, peer, variant = "pytheus-python", "pytheus (Python)", "MultiProcessRedisBackend"
    note = "two commands for each number that changes, and a round trip for each command"
    can, most_series = ALL, 1_000_000

    def __init__(self, port, kind):
        self.port, self.kind = port, kind

    def enter(self):
        from pytheus.backends import load_backend
        from pytheus.backends.redis import MultiProcessRedisBackend
        from pytheus.metrics import Counter, Histogram
        from pytheus.registry import CollectorRegistry

        load_backend(MultiProcessRedisBackend, {"host": HOST, "port": self.port})
        self.registry = CollectorRegistry()
        arguments = {"required_labels": [LABEL], "registry": self.registry}
        if self.kind == "histogram":
            self.family = Histogram(NAMES[self.kind], HELP, buckets=BUCKETS, **arguments)
        else:
            self.family = Counter(NAMES[self.kind], HELP, **arguments)

    def handle(self, index):
        series = self.family.labels({LABEL: endpoint(index)})
        return series.inc if self.kind == "counter" else series.observe

    def page(self):
        from pytheus.exposition import generate_metrics

        return generate_metrics(self.registry)


class Aioredis:
    """Each call awaited before the next."""

    name, peer, variant = "aioredis", "prometheus-aioredis-client", "each awaited"
    note = ("one MULTI and EXEC for an update, but a page asks for one number after the other; there is "
            "no +Inf bucket, and the last one is taken instead")
    can, most_series = ALL, 1_000_000

    def __init__(self, port, kind):
        self.port, self.kind = port, kind

    def enter(self):
        # The library makes a registry of its own when it is imported, which wants a loop.
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.connect())

    async def connect(self):
        import redis.asyncio
        from prometheus_aioredis_client import Counter, Histogram, Registry, TaskManager

        self.tasks = TaskManager()
        connection = redis.asyncio.Redis(host=HOST, port=self.port)
        self.registry = Registry(redis=connection, task_manager=self.tasks)
        name, arguments = NAMES[self.kind], {"labelnames": [LABEL], "registry": self.registry}
        if self.kind == "histogram":
            self.family = Histogram(name, HELP, buckets=BUCKETS, **arguments)
        else:
            self.family = Counter(name, HELP, **arguments)

    def series(self, index):
        """Looked up for each call: an observation leaves its handle with one label too many."""
        return self.family.labels(endpoint(index))

    async def count_one(self, index, amount):
        if self.kind == "histogram":
            await self.series(index).a_observe(amount)
        else:
            await self.series(index).a_inc(amount)

    async def count_all(self, index, amount, times):
        for _ in range(times):
            await self.count_one(index, amount)

    def count(self, index, amount, times=1):
        self.loop.run_until_complete(self.count_all(index, amount, times))

    def count_until(self, stop, index, amount):
        """From several tasks. How often."""
        async def run():
            count = 0
            while not stop.is_set():
                await self.count_one(index, amount)
                count += 1
            return count

        async def run_all():
            return sum(await asyncio.gather(*(run() for _ in range(THREADS))))

        return self.loop.run_until_complete(run_all())

    def page(self):
        return self.loop.run_until_complete(self.registry.output())


class AioredisAtOnce(Aioredis):
    """The calls that are not awaited, but only start a task."""

    name, variant = "aioredis-at-once", f"not awaited, {AT_ONCE} at once"
    note = f"until the last of {AT_ONCE} has arrived, each with a connection of its own"
    can = {"inc", "observe"}

    async def count_all(self, index, amount, times):
        for begin in range(0, times, AT_ONCE):
            for _ in range(begin, min(begin + AT_ONCE, times)):
                if self.kind == "histogram":
                    self.series(index).observe(amount)
                else:
                    self.series(index).inc(amount)
            await self.tasks.wait_tasks()


REDIS_SUBJECTS = {s.name: s for s in (Floor, Pytheus, Aioredis, AioredisAtOnce)}
