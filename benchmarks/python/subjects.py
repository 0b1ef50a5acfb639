"""The libraries, each with the few things that it is asked to do.

A subject is made in the process that forks the others (`__init__`); `enter` is called in each of those
before it counts.
"""

import os

NAME, HELP = "http_requests_total", "What is measured"
LABEL_NAMES = ("method", "endpoint", "status")
METHODS = ("GET", "POST", "PUT", "DELETE")
STATUSES = ("200", "201", "404", "409", "500")
# As in the Rust program: multiples of a smaller number, modulo a prime, are all different.
ENDPOINTS, STRIDE = 1_299_709, 611_953


def labels(index):
    order = index * STRIDE % ENDPOINTS
    return (METHODS[order % 4], f"/api/v1/orders/{order}", STATUSES[order % 5])


def amount(index):
    return index * 7_919 % 99_991 + 1


def blocks(stat):
    """Bytes that a file takes; one with holes is longer."""
    return stat.st_blocks * 512


class Floor:
    """A method call that does nothing else: what Python asks for."""

    name, peer, variant = "floor", "floor", "a method that adds to an attribute"
    note = "of the process alone, and no page"
    can, most_series = {"update"}, 1

    class Cell:
        def __init__(self):
            self.value = 0

        def inc(self, amount=1):
            self.value += amount

    def __init__(self, series):
        self.cell = self.Cell()

    def enter(self):
        pass

    def handle(self, index):
        return self.cell


class PrometheusClient:
    """The official library, in its multiprocess mode."""

    name, peer, variant = "prometheus_client", "prometheus_client", "multiprocess mode"
    note = "a file for each process, read and added up by each page"
    can, most_series = {"update", "page", "memory"}, 1_000_000

    def __init__(self, series):
        import prometheus_client

        self.library = prometheus_client
        registry = prometheus_client.CollectorRegistry()
        self.family = prometheus_client.Counter(NAME, HELP, LABEL_NAMES, registry=registry)

    def enter(self):
        pass

    def handle(self, index):
        return self.family.labels(*labels(index))

    def page(self):
        from prometheus_client import multiprocess

        registry = self.library.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return self.library.generate_latest(registry)

    def file_bytes(self):
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        return sum(blocks(entry.stat()) for entry in os.scandir(folder))


class Mpmetrics:
    """Made before the fork: a process that looks a series up for itself reads all of them."""

    name, peer, variant = "mpmetrics", "mpmetrics", "labels, of 200 series at most"
    note = ("made before the fork; the time to make them grows with the third power of their number: "
            "one second for 200, half a minute for 800")
    can, most_series = {"update", "page", "memory"}, 200

    def __init__(self, series):
        import mpmetrics
        import prometheus_client

        self.generate = prometheus_client.generate_latest
        self.counter = mpmetrics.Counter
        self.registry = prometheus_client.CollectorRegistry()
        self.handles = self.make(series)

    def make(self, series):
        family = self.counter(NAME, HELP, LABEL_NAMES, registry=self.registry)
        return [family.labels(*labels(index)) for index in range(series)]

    def enter(self):
        pass

    def handle(self, index):
        return self.handles[index]

    def page(self):
        return self.generate(self.registry)

    def file_bytes(self):
        return blocks(os.fstat(self.counter.heap._fd))


class MpmetricsWithoutLabels(Mpmetrics):
    """As many as the others have."""

    name, variant = "mpmetrics-plain", "a metric for each, no labels"
    note = ("of 10,000 at most, made before the fork: the time to register them grows with the square "
            "of their number; a page has a header for each, and no labels")
    can, most_series = {"page", "memory"}, 10_000

    def make(self, series):
        names = (f"http_requests_{index}_total" for index in range(series))
        return [self.counter(name, HELP, registry=self.registry) for name in names]


SUBJECTS = {s.name: s for s in (Floor, PrometheusClient, Mpmetrics, MpmetricsWithoutLabels)}
