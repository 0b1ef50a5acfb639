"""The process of one subject: forks those that count, and takes its turns when it is told to."""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time

from subjects import SUBJECTS, amount

PR_SET_PDEATHSIG = 1


def end_with(parent):
    """Ends this process when the one that started it has ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def private_bytes():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def total(page):
    """How many samples of counters there are, and their sum."""
    samples, value = 0, 0.0
    for line in page.decode().splitlines():
        if line and not line.startswith("#") and "_total" in line.split("{")[0].split(" ")[0]:
            samples += 1
            value += float(line.rsplit(" ", 1)[1])
    return samples, value


def check(found, expected):
    if found != expected:
        raise SystemExit(f"error: the page adds up to {found} instead of {expected}")


class Workers:
    """Forked processes that do one thing when they are told to, all at once."""

    def __init__(self, subject, processes, work):
        context = multiprocessing.get_context("fork")
        self.pipes = []
        for number in range(processes):
            ours, theirs = context.Pipe()
            arguments = (subject, number, processes, work, theirs, os.getpid())
            context.Process(target=self.run, args=arguments, daemon=True).start()
            theirs.close()
            self.pipes.append(ours)
        self.first = self.answers()

    @staticmethod
    def run(subject, number, processes, work, pipe, parent):
        end_with(parent)
        cores = sorted(os.sched_getaffinity(0))
        if processes <= len(cores):
            os.sched_setaffinity(0, {cores[number]})
        subject.enter()
        step = work(subject)
        pipe.send(next(step))
        while True:
            pipe.recv()
            pipe.send(next(step))

    def turn(self):
        for pipe in self.pipes:
            pipe.send("turn")
        return self.answers()

    def answers(self):
        try:
            return [pipe.recv() for pipe in self.pipes]
        except EOFError:
            raise SystemExit("error: a process that counts has ended")


def update(subject, processes, ops):
    """Nanoseconds of an update through a handle: the slowest process's."""
    def work(subject):
        handle = subject.handle(0)
        handle.inc()
        yield None
        while True:
            turns = range(ops)
            began = time.perf_counter()
            for _ in turns:
                handle.inc()
            took = (time.perf_counter() - began) * 1e9 / ops
            yield took, getattr(handle, "value", None)

    workers = Workers(subject, processes, work)
    count = 1
    while True:
        answers = workers.turn()
        count += ops
        if hasattr(subject, "page"):
            check(total(subject.page()), (1, count * processes))
        else:
            check([value for _, value in answers], [count] * processes)
        yield [max(took for took, _ in answers)]


def fill(series):
    """What a process does that counts in every series once, and what that comes to."""
    def work(subject):
        before = private_bytes()
        for index in range(series):
            subject.handle(index).inc(amount(index))
        yield private_bytes() - before

    return work, sum(amount(index) for index in range(series))


def page(subject, processes, series):
    """Milliseconds of a page, after one that is thrown away."""
    work, counted = fill(series)
    # They live until this process ends.
    Workers(subject, processes, work)
    subject.page()
    while True:
        began = time.perf_counter()
        text = subject.page()
        took = (time.perf_counter() - began) * 1e3
        check(total(text), (series, counted * processes))
        yield [took]


def memory(subject, processes, series, private):
    """Bytes of the files, of the processes, of both, and of both for a series. Once."""
    work, counted = fill(series)
    workers = Workers(subject, processes, work)
    files = subject.file_bytes()
    private += sum(workers.first)
    check(total(subject.page()), (series, counted * processes))
    yield [files, private, files + private, (files + private) / series]


def main():
    name, what, processes, series, ops, parent = sys.argv[1:]
    processes, series, ops = int(processes), int(series), int(ops)
    end_with(int(parent))
    # What the libraries themselves take is not what metrics take.
    import mpmetrics  # noqa: F401
    import prometheus_client  # noqa: F401

    before = private_bytes()
    subject = SUBJECTS[name](series)
    private = private_bytes() - before
    if what == "update":
        turns = update(subject, processes, ops)
    elif what == "page":
        turns = page(subject, processes, series)
    else:
        turns = memory(subject, processes, series, private)
    for _ in sys.stdin:
        print(json.dumps(next(turns)), flush=True)


if __name__ == "__main__":
    main()
