"""Counters that processes share, in the Python libraries that have them. Started by run.sh.

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

from subjects import SUBJECTS

# As in the Rust program: the median of fewer is an anecdote.
ROUNDS = 7
SERIES = {"page": 10_000, "memory": 100_000}
QUICK_SERIES = 1_000
OPS = 200_000
QUICK_OPS = 20_000
# A turn of them takes many seconds.
MOST_MEMORY_ROUNDS = 3

CASES = [
    # group, case, what a subject is asked to do, processes, unit, about
    ("shm-update", "counter_inc", "update", 1, "ns", "a counter goes up by one"),
    ("shm-update", "counter_inc", "update", 2, "ns", "a counter goes up by one"),
    ("shm-scrape", "page", "page", 8, "ms", "a page with 10,000 counters is written"),
    ("shm-memory", "many", "memory", 4, "bytes", "100,000 counters that 4 processes write"),
]

# What a turn comes back with, where that is more than one number.
FIGURES = {
    "memory": [
        ("segment", "the files take"),
        ("private", "the processes have of their own besides, all together (RssAnon)"),
        ("all", "both together"),
        ("series", "both together, for a series"),
    ],
}


class Driver:
    """The process of one subject, or one for each turn if what a turn leaves behind stays."""

    def __init__(self, subject, what, processes, series, ops, folder):
        self.arguments = [subject, what, str(processes), str(series), str(ops), str(os.getpid())]
        self.folder, self.fresh = folder, what == "memory"
        self.processes = 0
        self.process = None

    def start(self):
        self.end()
        self.processes += 1
        folder = f"{self.folder}-{self.processes}"
        os.makedirs(folder)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "drive.py")
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
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
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
    rounds = min(options.rounds, MOST_MEMORY_ROUNDS) if what == "memory" else options.rounds
    ops = QUICK_OPS if options.quick else OPS
    drivers, turns = [], []
    try:
        for subject in SUBJECTS.values():
            if what not in subject.can:
                continue
            series = min(SERIES.get(what, 1), options.series, subject.most_series)
            folder = os.path.join(options.folder, f"{number}-{len(drivers)}")
            drivers.append((subject, Driver(subject.name, what, processes, series, ops, folder)))
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
                "ops": ops if what == "update" else 1,
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
          f"{measurement['about']}, in {measurement['unit']}")
    print(f"{'subject':<20} {'':<34} {'median':>12} {'min':>12} {'quartiles':^27} {'max':>12}")
    notes = []
    for line in measurement["lines"]:
        variant = line["variant"]
        if line["note"]:
            if line["note"] not in notes:
                notes.append(line["note"])
            variant += f" [{notes.index(line['note']) + 1}]"
        s = line["spread"]
        print(f"{line['peer']:<20} {variant:<34} {s['median']:>12.2f} {s['min']:>12.2f} "
              f"{s['lower_quartile']:>12.2f} … {s['upper_quartile']:>12.2f} {s['max']:>12.2f}")
    for number, note in enumerate(notes, 1):
        print(f"  [{number}] {note}")
    print(flush=True)


def processor():
    with open("/proc/cpuinfo") as info:
        names = (line.split(": ", 1)[1].strip() for line in info if line.startswith("model name"))
        return next(names, "processor not known")


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--quick", action="store_true", help="few series: does everything run?")
    parser.add_argument("--case", help="this case alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--series", type=int, default=None, help="no more series than these")
    options = parser.parse_args()
    if options.series is None:
        options.series = QUICK_SERIES if options.quick else max(SERIES.values())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    report = {
        "processor": processor(),
        "target": f"linux {os.uname().machine}",
        "versions": [{"name": "python", "version": sys.version.split()[0]}]
        + [{"name": n, "version": version(n)} for n in ("prometheus_client", "mpmetrics")],
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
        for measurement in measure(number, case, options):
            report["measurements"].append(measurement)
            if not options.json:
                table(measurement)
    if options.json:
        json.dump(report, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
