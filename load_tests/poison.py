"""Send events that cannot be taken, and events that cannot be folded, and see that they stop nothing and are not lost.

    python load_tests/poison.py --events 20000

Half of them fail at the edge, whose limits are set far too low: each must be refused with a reason while the good
ones beside it are stored. Some are wrong for good. Then the limits are mended, and `ariane redrive` drives in what
was refused: the state must be as if nothing had ever failed. The other half fail in the mind, which has a bug planted
in it: each must be set aside with a reason while the others are folded. Then the bug is mended, and `ariane replay`
must give the same state as well; records that are no events at all, put into the log by hand, stay set aside.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.log import Record
from collector.log.opening import open_log
from load_tests.crash import message
from load_tests.defects import Defect
from load_tests.once import ariane_for_long, digests
from load_tests.sabotage import sabotaged
from tests.journeys.running import Message, Stack
from tests.running_ariane import serving

BATCH = 100
TOO_STRICT = {"max_depth": 3, "max_id_chars": 24, "max_event_bytes": 900}
FOLD_TIMEOUT_S = 1200.0
BUG = Defect(
    "a bug of ours",
    "sessionizer/pipeline.py",
    (
        (
            "    late_ones = [each for each in happenings if is_late(each, record)]\n",
            (
                "    late_ones = [each for each in happenings if is_late(each, record)]\n"
                '    if any(each.message_id.startswith("poison") for each in happenings):\n'
                '        raise ArithmeticError("a bug of ours")\n'
            ),
        ),
    ),
    "",
)


class Outcome(NamedTuple):
    """What became of poison."""

    refused: Counter[str]
    """By reason."""
    quarantined: int
    problems: list[str]

    def __str__(self) -> str:
        return (
            f"{self.refused.total():,} events refused for {len(self.refused)} reasons, {self.quarantined:,} set aside: "
            f"{len(self.problems)} problems after they were driven in again"
        )


def batches(events: int, seed: int) -> Iterator[list[Message]]:
    """Batches in which every second event is poison of a kind that the edge will not take."""
    for number in range(2 * events // BATCH):
        chance = random.Random(f"{seed} {number}")
        made = []
        for nth in range(number * BATCH, (number + 1) * BATCH):
            name = "poison" if nth % 2 else "good"
            each = message(f"{name}-{nth:08}", chance, nth, "write_key", "x" * 32)
            each.get("context", {}).pop("identityProof", None)
            made.append(_spoilt(each, chance) if nth % 2 else each)
        yield made


def _spoilt(event: Message, chance: random.Random) -> Any:
    """An event with something in it that strict limits refuse, or any."""
    match chance.randrange(8):
        case 0:
            return event | {"properties": {"a": {"b": {"c": {"d": chance.random()}}}}}
        case 1:
            return event | {"anonymousId": f"device-{'x' * chance.randint(20, 60)}-{chance.randrange(500)}"}
        case 2:
            return event | {"properties": {"text": "".join(chance.choices('aé☃\\" ', k=chance.randint(900, 3000)))}}
        case 3:
            return event | {"type": "track", "event": None}
        case 4:
            return event | {"timestamp": chance.choice(["yesterday", 17, {"at": 1}, "2026-13-01T00:00:00Z"])}
        case 5:
            return event | {"type": chance.choice(["", 0, None, [], {}])}
        case 6:
            return event | {chance.choice(["properties", "context", "traits"]): chance.choice([7, "no", [1], True])}
    return chance.choice([None, 7, "event", [event], {}, {"type": "page"}, event | {"properties": {"nul": "\0"}}])


def at_the_edge(scratch: Path, events: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Refuse by limits that are too strict, mend them, drive in again; the reasons, and what then differs."""
    strict, sound = scratch / "strict" / "data", scratch / "sound" / "data"
    settings = [text for name, value in TOO_STRICT.items() for text in ("--edge", f"{name}={value}")]
    refused, problems = _send(strict, batches(events, seed), settings)
    _send(sound, batches(events, seed), [])
    good = sum(refused.values())
    if good < events * 0.9:
        problems.append(f"only {good:,} of {events:,} were refused: this is no test")
    driven = ariane_for_long("redrive", "--json", "--data", strict)
    if driven.returncode:
        problems.append(f"ariane redrive: {driven.stderr}")
    if digests(strict)[0] != digests(sound)[0]:
        problems.append("after a redrive the state is not as if nothing had failed")
    return refused, problems


def _send(data: Path, made: Iterator[list[Message]], settings: list[str]) -> tuple[Counter[str], list[str]]:
    """Send batches to a server; the reasons of refusals, and what was answered that should not be."""
    reasons: Counter[str] = Counter()
    problems = []
    with serving(data, "--log-level", "error", *settings) as server:
        stack = Stack(server.url, server.keys)
        for batch in made:
            answer = stack.post("/v1/batch", {"batch": batch})
            rejected = answer.json().get("rejected", [])
            if answer.status != 200 or any(each["index"] % 2 == 0 or not each["reason"] for each in rejected):
                problems.append(f"answered {answer.status}: {answer.body[:300]!r}")
            reasons.update(each["reason"] for each in rejected)
        stack.close()
    return reasons, problems


def in_the_mind(scratch: Path, events: int, seed: int) -> tuple[int, list[str]]:
    """Fold with a bug, mend it, replay; how many were set aside, and what then differs."""
    buggy, sound = scratch / "buggy" / "data", scratch / "sound-too" / "data"
    problems = []
    harmless = [
        [_harmless(f"poison-{seed}", nth, first) for nth in range(BATCH)] for first in range(0, 2 * events, BATCH)
    ]
    with serving(buggy, "--log-level", "error", root=sabotaged(BUG, scratch / "sources"), quiet=True) as server:
        stack = Stack(server.url, server.keys)
        for batch in harmless:
            stack.send(*batch)
        stack.send(_page("the-end", "the-end", 0))
        problems += _wait_for(stack, "anonymous_id:the-end")
        stack.close()
    quarantined = _books(buggy)["quarantined"]
    if quarantined != events:
        problems.append(f"{quarantined:,} of {events:,} poison events were set aside")
    with serving(sound, "--log-level", "error") as server:
        stack = Stack(server.url, server.keys)
        for batch in harmless:
            stack.send(*batch)
        stack.send(_page("the-end", "the-end", 0))
        stack.close()
    noise = events // 10
    asyncio.run(_put_noise(buggy / "log.db", noise, seed))
    replayed = ariane_for_long("replay", "--data", buggy)
    if replayed.returncode:
        problems.append(f"ariane replay: {replayed.stderr}")
    if digests(buggy)[0] != digests(sound)[0]:
        problems.append("after a replay the state is not as if nothing had failed")
    if (left := _books(buggy)["quarantined"]) != noise:
        problems.append(f"{left:,} records are set aside, of which {noise:,} are no events")
    return quarantined + noise, problems


def _harmless(prefix: str, nth: int, first: int) -> Message:
    """An event that a sound mind folds; every second one has the id that the bug trips over."""
    number = first + nth
    return _page(f"{prefix if number % 2 else 'good'}-{number:08}", f"d{number // 2 % 500}", number)


def _page(message_id: str, device: str, number: int) -> Message:
    page = {"type": "page", "messageId": message_id, "anonymousId": device, "properties": {"path": f"/{number % 9}"}}
    return page | {
        "timestamp": f"2026-03-{1 + number // 86_400 % 28:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:00Z"
    }


def _wait_for(stack: Stack, who: str) -> list[str]:
    """Wait until somebody is known, who comes last."""
    deadline_s = time.monotonic() + FOLD_TIMEOUT_S
    while stack.get(f"/v1/profiles/{who}").status != 200:
        if time.monotonic() > deadline_s:
            return ["the mind has stopped before the end of the log"]
        time.sleep(0.1)
    return []


def _books(data: Path) -> dict[str, Any]:
    done = ariane_for_long("verify", "--json", "--data", data)
    books: dict[str, Any] = json.loads(done.stdout)
    return books


async def _put_noise(path: Path, count: int, seed: int) -> None:
    """Put records into a log that no edge would: bytes, JSON that is no event, halves of events."""
    chance = random.Random(seed)
    log = await open_log(f"sqlite:{path}", writer=True)
    try:
        whole = (await log.read(0, 0, 1))[0].body
        kinds = [
            lambda: chance.randbytes(chance.randint(0, 200)),
            lambda: json.dumps([chance.random()]).encode(),
            lambda: whole[: chance.randrange(len(whole))],
            lambda: whole.replace(b'"type":"page"', b'"type":7'),
        ]
        await log.append([Record("", chance.choice(kinds)()) for _ in range(count)])
    finally:
        await log.close()


def measure(scratch: Path, events: int, seed: int) -> Outcome:
    """Half of the poison at the edge, half in the mind."""
    refused, at_edge = at_the_edge(scratch, events // 2, seed)
    quarantined, in_mind = in_the_mind(scratch, events // 2, seed)
    return Outcome(refused, quarantined, at_edge + in_mind)


def main() -> None:
    parser = argparse.ArgumentParser(description="Poison events; exits with 1 when one stops something or is lost.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-poison-") as scratch:
        outcome = measure(Path(scratch), options.events, options.seed)
    print("\n".join(outcome.problems[:9]))
    print(", ".join(f"{count:,} {reason}" for reason, count in outcome.refused.most_common()))
    print(outcome)
    sys.exit(bool(outcome.problems))


if __name__ == "__main__":
    main()
