"""What the heaviest people, devices and contacts cost those who ask, and those who send one more event about them.

    python load_tests/guards.py --size 100000

Through a running server, whatever a client sees: a contact that `size` devices carry without a login, a person with a
hundredth as many devices, a person with `size` events, a kiosk with `size` events of a hundredth as many users, and a
device with a tenth of the events that nobody was named in. Each figure is of `TIMES` different ones, from the request
to an answer that has it folded in: the median in milliseconds, and the mean of the server's processor time, which says
more on a busy machine. Prints them all, and the slowest last.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime.clock import from_text, to_text
from tests.journeys.running import Stack
from tests.running_ariane import serving

BATCH = 500
TIMES = 9
START_MS = from_text("2026-01-05T08:00:00Z")
MINUTE_MS = 60_000
VISIT = 100
"""Events from one login at the kiosk to its logout."""
SHOP = {"traits": {"email": "till@shop.example"}}
Message = dict[str, Any]


def said(device: str, nth: int, minute: float, **fields: Any) -> Message:
    at = to_text(START_MS + round(minute * MINUTE_MS))
    told = {"type": "page", "name": "Shoes", "anonymousId": device, "messageId": f"{device}-{nth}", "timestamp": at}
    return told | {"context": SHOP if fields.pop("at_the_shop", False) else {}} | fields


def logout(device: str, nth: int, minute: float) -> Message:
    return said(device, nth, minute, type="track", event="Logged Out")


def history(size: int) -> Iterator[Message]:
    """Everybody's past."""
    yield from (said(f"shop{nth}", 0, nth / 100, at_the_shop=True) for nth in range(size))
    yield from (said(f"of-ada{nth}", 0, nth, userId="ada") for nth in range(size // 100))
    yield from (said("bobs", nth, nth, userId="bob") for nth in range(size))
    for nth in range(size):
        visit, step = divmod(nth, VISIT)
        if step == 0:
            yield said("kiosk", nth, nth, type="identify", userId=f"guest{visit}")
        elif step == VISIT - 1:
            yield logout("kiosk", nth, nth)
        else:
            yield said("kiosk", nth, nth)
    for device in range(TIMES):
        yield from (said(f"nobodys{device}", nth, nth) for nth in range(size // 10))


def send(stack: Stack, messages: Iterable[Message]) -> None:
    waiting = iter(messages)
    while batch := list(islice(waiting, BATCH)):
        answer = stack.post("/v1/batch", {"batch": batch})
        assert answer.status == 200, answer


def read(stack: Stack, who: str, path: str = "") -> Any:
    while (answer := stack.get(f"/v1/profiles/{who}{path}")).status == 504:
        pass  # the mind is still folding what was sent
    assert answer.status == 200, answer
    return answer.json()


class Taken(NamedTuple):
    """How long something took: the median, and the mean of the server's processor time; in ms."""

    wall: float
    processor: float


def measure(stack: Stack, family: Sequence[psutil.Process], size: int) -> dict[str, Taken]:
    """What is done → how long it takes."""

    def processor_ms() -> float:
        return sum(sum(each.cpu_times()[:2]) for each in family) * 1000

    def median_ms(doing: Callable[[int], object]) -> Taken:
        taken, began_ms = [], processor_ms()
        for nth in range(TIMES):
            began_s = time.perf_counter()
            doing(nth)
            taken.append((time.perf_counter() - began_s) * 1000)
        return Taken(statistics.median(taken), (processor_ms() - began_ms) / TIMES)

    def event(message: Message, who: str) -> None:
        send(stack, [message])
        read(stack, who)

    def profile(who: str) -> Callable[[int], object]:
        return lambda _: read(stack, who)

    kiosk = "anonymous_id:kiosk"
    bobs = "anonymous_id:bobs"
    middle = size // 2
    return {
        f"profile of one of {size:,} devices with a shared e-mail": median_ms(
            lambda nth: read(stack, f"anonymous_id:shop{nth}")
        ),
        "the same with its identity": median_ms(lambda nth: read(stack, f"anonymous_id:shop{nth}", "/identity")),
        f"profile of a person with {size // 100:,} devices": median_ms(profile("user_id:ada")),
        f"profile of a person with {size:,} events": median_ms(profile("user_id:bob")),
        "a page at the end of these": median_ms(
            lambda nth: event(said("bobs", size + nth, size + nth, userId="bob"), bobs)
        ),
        "a late page in their middle": median_ms(
            lambda nth: event(said("bobs", 2 * size + nth, middle + 0.5 + nth), bobs)
        ),
        f"a login after {size // 10:,} events of nobody": median_ms(
            lambda nth: event(
                said(f"nobodys{nth}", size, size, type="identify", userId=f"late{nth}"), f"user_id:late{nth}"
            )
        ),
        f"a late page on a kiosk with {size:,} events": median_ms(
            lambda nth: event(said("kiosk", 2 * size + nth, middle + 5.5 + nth), kiosk)
        ),
        "a late logout there": median_ms(
            lambda nth: event(logout("kiosk", 3 * size + nth, middle + 20.5 + nth * 300), kiosk)
        ),
        "another user's late login there": median_ms(
            lambda nth: event(
                said("kiosk", 4 * size + nth, middle + 40.5 + nth * 300, type="identify", userId=f"x{nth}"), kiosk
            )
        ),
        f"a late logout in one stretch of {size:,} events": median_ms(
            lambda nth: event(logout("bobs", 3 * size + nth, middle + 20.5 + nth * 300), bobs)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Heavy people, devices and contacts.")
    parser.add_argument("--size", type=int, default=100_000)
    size = parser.parse_args().size
    with (
        tempfile.TemporaryDirectory(prefix="ariane-guards-") as folder,
        serving(Path(folder) / "data") as server,
    ):
        stack = Stack(server.url, server.keys)
        began_s = time.perf_counter()
        send(stack, history(size))
        read(stack, "user_id:bob")
        print(f"{2.01 * size + TIMES * size / 10:,.0f} events sent and folded in {time.perf_counter() - began_s:.0f} s")
        family = [psutil.Process(server.process.pid), *server.children()]
        figures = measure(stack, family, size)
        stack.close()
    for what, taken in figures.items():
        print(f"{what:<62} {taken.wall:8.1f} ms {taken.processor:8.1f} ms processor")
    slowest = max(figures.values())
    print(f"the slowest of these: {slowest.wall:.1f} ms, {slowest.processor:.1f} ms processor")


if __name__ == "__main__":
    main()
