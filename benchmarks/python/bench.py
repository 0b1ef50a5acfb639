"""Metrics that processes share, in the Python libraries that have them. Started by run.sh.

Each subject is a process of its own, which forks those that count, as a server does; subjects take
turns, round by round. After each turn a subject is read back through its own page, and a total that is
not that of the operations ends the run.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from importlib.metadata import version

from redis_subjects import REDIS_SUBJECTS
from subjects import SUBJECTS

# As in the Rust program: the median of fewer is an anecdote.
ROUNDS = 7
SERIES = {
    "page": 10_000, "memory": 100_000,
    "counters": 10_000, "counters-memory": 10_000, "histograms": 1_000, "histograms-memory": 1_000,
}
QUICK_SERIES = 1_000
# Of a turn; of `consistency` the seconds.
OPS = {"update": 200_000, "inc": 5_000, "observe": 1_000, "consistency": 10}
QUICK = 10
# For how many seconds a process may end.
PATIENCE = 2
# A turn of them takes many seconds.
LONG = {"memory", "counters-memory", "histograms-memory", "consistency"}
MOST_LONG_ROUNDS = 3
# What a turn leaves behind stays: each has a process of its own.
FRESH = {"memory", "counters-memory", "histograms-memory"}

CASES = [
    # group, case, what a subject is asked to do, processes, unit, about
    ("shm-update", "counter_inc", "update", 1, "ns", "a counter goes up by one"),
    ("shm-update", "counter_inc", "update", 2, "ns", "a counter goes up by one"),
    ("shm-scrape", "page", "page", 8, "ms", "a page with 10,000 counters is written"),
    ("shm-memory", "many", "memory", 4, "bytes", "100,000 counters that 4 processes write"),
    ("redis-update", "counter_inc", "inc", 1, "us", "a counter goes up by one"),
    ("redis-update", "histogram_observe", "observe", 1, "us", "0.25 is observed, of 11 buckets"),
    ("redis-scrape", "counters", "counters", 1, "ms", "a page with 10,000 counters is written"),
    ("redis-scrape", "histograms", "histograms", 1, "ms",
     "a page with 1,000 histograms of 11 buckets is written"),
    ("redis-memory", "counters", "counters-memory", 1, "bytes", "10,000 counters"),
    ("redis-memory", "histograms", "histograms-memory", 1, "bytes",
     "1,000 histograms of 11 buckets"),
    ("redis-consistency", "histogram", "consistency", 2, "scrapes",
     "a histogram is scraped for 10 s while others observe 0.25"),
]

UNITS = {"us": "µs"}
DISTRIBUTIONS = ("prometheus_client", "mpmetrics", "pytheus", "prometheus-aioredis-client", "redis")
# What they are called where their own name would mislead.
PEERS = {"pytheus": "pytheus (Python)", "redis": "redis-py"}

REDIS_MEMORY = [
    ("used", "used_memory of the server has grown by, for a series"),
    ("keys", "MEMORY USAGE of all keys, for a series"),
]
# What a turn comes back with, where that is more than one number.
FIGURES = {
    "memory": [
        ("segment", "the files take"),
        ("private", "the processes have of their own besides, all together (RssAnon)"),
        ("all", "both together"),
        ("series", "both together, for a series"),
    ],
    "counters-memory": REDIS_MEMORY,
    "histograms-memory": REDIS_MEMORY,
    "consistency": [
        ("inconsistent", "while 0.25 is observed, the sum is not 0.25 × the count, or the last bucket "
         "is not the count"),
        ("scrapes", "as many as there were in 10 s"),
    ],
}


class Driver:
    """The process of one subject, or one for each turn if what a turn leaves behind stays."""

    def __init__(self, program, subject, what, processes, series, ops, folder):
        self.program = program
        self.arguments = [subject, what, str(processes), str(series), str(ops), str(os.getpid())]
        self.folder, self.fresh = folder, what in FRESH
        self.processes = 0
        self.process = None

    def start(self):
        self.end()
        self.processes += 1
        folder = f"{self.folder}-{self.processes}"
        os.makedirs(folder)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), self.program)
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder, "TMPDIR": folder}
        self.process = subprocess.Popen(
            [sys.executable, program, *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )

    def turn(self):
        if self.fresh or self.process is None:
            self.start()
        self.process.stdin.write("turn\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"error: {self.arguments[0]} did not do its work")
        return json.loads(answer)

    def end(self):
        if self.process is None:
            return
        # It ends by itself, and what it has started, unless it is in the middle of a turn.
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(f"{self.folder}-{self.processes}", ignore_errors=True)


def spread(samples):
    ordered = sorted(samples)
    if len(ordered) == 1:
        lower = upper = ordered[0]
    else:
        lower, _, upper = statistics.quantiles(ordered, n=4, method="inclusive")
    return {
        "min": ordered[0],
        "lower_quartile": lower,
        "median": statistics.median(ordered),
        "upper_quartile": upper,
        "max": ordered[-1],
    }


def measure(number, case, options):
    """The measurements of a case: one for each of its figures."""
    group, name, what, processes, unit, about = case
    rounds = min(options.rounds, MOST_LONG_ROUNDS) if what in LONG else options.rounds
    ops = OPS.get(what, 1)
    if options.quick:
        ops = max(ops // QUICK, 1)
    if group.startswith("redis-"):
        program, subjects = "redis_drive.py", REDIS_SUBJECTS
    else:
        program, subjects = "drive.py", SUBJECTS
    drivers, turns = [], []
    try:
        for subject in subjects.values():
            if what not in subject.can:
                continue
            series = min(SERIES.get(what, 1), options.series, subject.most_series)
            folder = os.path.join(options.folder, f"{number}-{len(drivers)}")
            driver = Driver(program, subject.name, what, processes, series, ops, folder)
            drivers.append((subject, driver))
            turns.append([])
        for _ in range(rounds):
            for (_, driver), samples in zip(drivers, turns):
                samples.append(driver.turn())
    finally:
        for _, driver in drivers:
            driver.end()

    for index, (figure, figure_about) in enumerate(FIGURES.get(what, [(None, about)])):
        lines = []
        for (subject, _), samples in zip(drivers, turns):
            samples = [turn[index] for turn in samples]
            lines.append({
                "peer": subject.peer, "variant": subject.variant, "note": subject.note,
                "ops": 1 if what == "consistency" else ops,
                "samples": samples, "spread": spread(samples), "times_ours": None,
            })
        measurement = {"group": group, "case": name}
        if figure:
            measurement["figure"] = figure
        measurement |= {
            "about": figure_about, "unit": unit, "threads": processes, "processes": True,
            "lines": lines,
        }
        yield measurement


def table(measurement):
    figure = f" {measurement['figure']}" if "figure" in measurement else ""
    processes = measurement["threads"]
    who = "process" if processes == 1 else "processes"
    print(f"{measurement['group']}/{measurement['case']}{figure}, {processes} {who}: "
          f"{measurement['about']}, in {UNITS.get(measurement['unit'], measurement['unit'])}")
    print(f"{'subject':<26} {'':<34} {'median':>12} {'min':>12} {'quartiles':^27} {'max':>12}")
    notes = []
    for line in measurement["lines"]:
        variant = line["variant"]
        if line["note"]:
            if line["note"] not in notes:
                notes.append(line["note"])
            variant += f" [{notes.index(line['note']) + 1}]"
        s = line["spread"]
        print(f"{line['peer']:<26} {variant:<34} {s['median']:>12.2f} {s['min']:>12.2f} "
              f"{s['lower_quartile']:>12.2f} … {s['upper_quartile']:>12.2f} {s['max']:>12.2f}")
    for number, note in enumerate(notes, 1):
        print(f"  [{number}] {note}")
    print(flush=True)


def sentences(inconsistent, scrapes):
    """How many scrapes of all rounds were inconsistent."""
    for line, all_of_them in zip(inconsistent["lines"], scrapes["lines"]):
        print(f"{line['peer']}: inconsistent in {sum(line['samples']):,} "
              f"of {sum(all_of_them['samples']):,} scrapes")
    print(flush=True)


def redis_server():
    words = subprocess.check_output(["redis-server", "--version"], text=True).split()
    return next(word.removeprefix("v=") for word in words if word.startswith("v="))


def processor():
    with open("/proc/cpuinfo") as info:
        names = (line.split(": ", 1)[1].strip() for line in info if line.startswith("model name"))
        return next(names, "processor not known")


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--quick", action="store_true", help="few series: does everything run?")
    parser.add_argument("groups", nargs="*", metavar="group", help="these groups alone")
    parser.add_argument("--case", help="this case alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--series", type=int, default=None, help="no more series than these")
    options = parser.parse_args()
    if options.series is None:
        options.series = QUICK_SERIES if options.quick else max(SERIES.values())
    known = {case[0] for case in CASES}
    if unknown := set(options.groups) - known:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    report = {
        "processor": processor(),
        "target": f"linux {os.uname().machine}",
        "versions": [{"name": "python", "version": sys.version.split()[0]}]
        + [{"name": PEERS.get(n, n), "version": version(n)} for n in DISTRIBUTIONS]
        + [{"name": "redis-server", "version": redis_server()}],
        "rounds": options.rounds,
        "block_ms": 0,
        "measurements": [],
    }
    if options.series < max(SERIES.values()):
        report["series"] = options.series
    if not options.json:
        versions = ", ".join(f"{v['name']} {v['version']}" for v in report["versions"])
        print(f"{report['processor']}, {report['target']}\n{versions}\n")
    for number, case in enumerate(CASES):
        if options.case and options.case != case[1]:
            continue
        if options.groups and case[0] not in options.groups:
            continue
        measurements = list(measure(number, case, options))
        report["measurements"] += measurements
        if not options.json:
            for measurement in measurements:
                table(measurement)
            if case[2] == "consistency":
                sentences(*measurements)
    if options.json:
        json.dump(report, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
