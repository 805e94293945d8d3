"""Whether slow clients harm a good one.

    python load_tests/slow_clients.py [--clients 2000] [--rounds 3] [--requests 400]

A good client sends page views, one at a time, and waits for each answer. In turns it does so alone, and beside clients
of four kinds, a quarter each: they send a request's headers a byte a second; send its body so; ask for large answers
and never read one; connect and say nothing. Whoever is cut comes back at once. The slow clients run in a process of
their own. The last line is the ratio of the good client's p95 beside them to its p95 alone, the median of all rounds.
"""

import argparse
import asyncio
import contextlib
import http.client
import multiprocessing
import multiprocessing.synchronize
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from collector.runtime.loop import run
from tests.running_ariane import Server, serving

PAUSE_S = 0.01
"""Between the good client's requests."""
DRIP_S = 1.0
"""Between the bytes of a slow client."""
COME_S = 10.0
"""Over which the slow clients come, so that the server's backlog is not what is measured."""

HEAD = b"POST /v1/page?writeKey=%b HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\nUser-Agent: slow\r\n\r\n"
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="ariane-slow-") as folder, serving(Path(folder) / "data") as server:
        good_ms(server, 50)  # warm up
        ratio = median_ratio(server, options.clients, options.rounds, options.requests)
    print(f"p95 beside {options.clients} slow clients / p95 alone: {ratio:.2f}")


def median_ratio(server: Server, clients: int, rounds: int, requests: int) -> float:
    """The good client's p95 beside slow ones, over its p95 alone."""
    ratios = []
    for _ in range(rounds):
        alone = good_ms(server, requests)
        with slow_clients(server, clients):
            beside = good_ms(server, requests)
            memory = psutil.Process(server.process.pid).memory_info().rss / 2**20
            open_ones = metric(server, "ariane_open_connections ")
        ratios.append(p95(beside) / p95(alone))
        print(
            f"alone {p95(alone):6.2f} ms, beside {p95(beside):6.2f} ms, ratio {ratios[-1]:.2f}; "
            f"{open_ones:.0f} connections, {memory:.0f} MB, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    return statistics.median(ratios)


def good_ms(server: Server, requests: int) -> list[float]:
    """What each of so many events took, from the first byte sent to the last received; every one is a 200."""
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    took = []
    for _ in range(requests):
        began = time.perf_counter()
        connection.request("POST", f"/v1/page?writeKey={server.keys['write_key']}", b'{"anonymousId": "good"}')
        answer = connection.getresponse()
        answer.read()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer.status
        time.sleep(PAUSE_S)
    connection.close()
    return took


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def metric(server: Server, name: str) -> float:
    """A metric without labels; the name ends in a blank."""
    text = server.get("/metrics").body.decode()
    return float(text.partition(f"\n{name}")[2].split()[0])


@contextlib.contextmanager
def slow_clients(server: Server, count: int):  # type: ignore[no-untyped-def]
    """So many slow clients for the block's length, once all have come."""
    context = multiprocessing.get_context("spawn")
    come = context.Event()
    port = int(server.url.rpartition(":")[2])
    process = context.Process(target=be_slow, args=(port, server.keys["write_key"], count, come), daemon=True)
    process.start()
    try:
        assert come.wait(COME_S + 60), "the slow clients did not come"
        time.sleep(2)
        yield
    finally:
        process.terminate()
        process.join()


def be_slow(port: int, key: str, count: int, come: multiprocessing.synchronize.Event) -> None:
    """The process of the slow clients; it ends by being killed."""

    async def all_of_them() -> None:
        kinds = (slow_headers, slow_body, deaf, idle)
        tasks = []
        for number in range(count):
            tasks.append(asyncio.create_task(for_ever(kinds[number % 4], port, HEAD % key.encode())))
            await asyncio.sleep(COME_S / count)
        come.set()
        await asyncio.gather(*tasks)

    run(all_of_them())


async def for_ever(kind, port: int, head: bytes) -> None:  # type: ignore[no-untyped-def]
    """Connect, be slow, and come back when cut."""
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(OSError), socket.socket() as mine:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            mine.setblocking(False)
            await loop.sock_connect(mine, ("127.0.0.1", port))
            await kind(loop, mine, head)
        await asyncio.sleep(DRIP_S)


async def drip(loop: asyncio.AbstractEventLoop, mine: socket.socket, data: bytes) -> None:
    """Send a byte at a time, without end; returns when cut."""
    while True:
        for byte in data:
            await loop.sock_sendall(mine, bytes([byte]))
            await asyncio.sleep(DRIP_S)


async def slow_headers(loop: asyncio.AbstractEventLoop, mine: socket.socket, head: bytes) -> None:
    await drip(loop, mine, head)


async def slow_body(loop: asyncio.AbstractEventLoop, mine: socket.socket, head: bytes) -> None:
    await loop.sock_sendall(mine, head)
    await drip(loop, mine, b" ")


async def deaf(loop: asyncio.AbstractEventLoop, mine: socket.socket, _: bytes) -> None:
    await loop.sock_sendall(mine, LARGE * 20)
    await drip(loop, mine, LARGE)


async def idle(loop: asyncio.AbstractEventLoop, mine: socket.socket, _: bytes) -> None:
    await loop.sock_recv(mine, 1)


if __name__ == "__main__":
    main()
