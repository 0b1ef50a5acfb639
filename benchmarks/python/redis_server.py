"""A `redis-server` of one's own, which keeps nothing on disk and ends with the process that started it."""

import os
import socket
import subprocess
import time

import redis

from drive import end_with

HOST = "127.0.0.1"
# How often another port is tried, and for how many seconds each.
ATTEMPTS, PATIENCE = 5, 10
# As long as tables that have grown may take to be rehashed, in seconds.
SETTLED = 1


def free_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


class Server:
    """On the loopback address, as the libraries' users reach it, and on a port that was free."""

    def __init__(self, folder):
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self.client = redis.Redis(HOST, self.port)
            if self.start(folder):
                return
        with open(os.path.join(folder, "redis.log")) as log:
            raise SystemExit(f"error: redis-server does not start:\n{log.read()}")

    def start(self, folder):
        parent = os.getpid()
        command = ["redis-server", "--bind", HOST, "--port", str(self.port), "--dir", folder,
                   "--save", "", "--appendonly", "no", "--daemonize", "no"]
        with open(os.path.join(folder, "redis.log"), "a") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: end_with(parent),
            )
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                # Another process may have taken the port meanwhile, and answer.
                if self.client.info("server")["process_id"] == self.process.pid:
                    return True
            except redis.RedisError:
                time.sleep(0.01)
        self.end()
        return False

    def end(self):
        self.process.kill()
        self.process.wait()

    def used_memory(self):
        """Bytes, when nobody else is connected and the tables are rehashed: the least of a second."""
        deadline = time.monotonic() + PATIENCE
        while self.client.info("clients")["connected_clients"] > 1:
            if time.monotonic() > deadline:
                raise SystemExit("error: a client is still connected to redis-server")
            time.sleep(0.01)
        deadline = time.monotonic() + SETTLED
        least = self.client.info("memory")["used_memory"]
        while time.monotonic() < deadline:
            time.sleep(0.01)
            least = min(least, self.client.info("memory")["used_memory"])
        return least

    def memory_of_keys(self):
        """What `MEMORY USAGE` says of all keys, all their fields counted."""
        keys = list(self.client.scan_iter(count=1_000))
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.memory_usage(key, samples=0)
        return sum(pipeline.execute())
