"""The books of a real server under load, read by another process at every moment, and after SIGKILL."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from collector.log.opening import open_log
from sessionizer.books import Books, read_books
from sessionizer.store.opening import open_store
from tests.journeys.load import Load
from tests.running_ariane import Server, ariane, serving

READS = 150
"""Of the books while the server is under load."""


def in_metrics(server: Server) -> dict[str, float]:
    families = text_string_to_metric_families(server.get("/metrics").body.decode())
    samples = [each for family in families for each in family.samples]
    found = {each.labels["column"]: each.value for each in samples if each.name == "ariane_books"}
    return found | {each.name: each.value for each in samples if each.name == "ariane_books_unaccounted"}


async def read_again_and_again(folder: Path, times: int) -> list[Books]:
    """The books as another process finds them. Raises AssertionError as soon as they do not balance."""
    log = await open_log(f"sqlite:{folder}/log.db", writer=False)
    store = await open_store(f"sqlite:{folder}/store.db", writer=False)
    found = []
    try:
        while len(found) < times:
            async with store.snapshot() as snapshot:
                books = await read_books(snapshot, log)
            assert list(books.problems()) == []
            found.append(books)
            await asyncio.sleep(0.01)
    finally:
        await store.close()
        await log.close()
    return found


def test_the_books_balance_at_every_moment_and_after_sigkill(tmp_path: Path) -> None:
    acknowledged = rejected = 0
    for killed in (True, False):
        with serving(tmp_path) as server:
            load = Load(server)
            with load.running():
                seen = asyncio.run(read_again_and_again(tmp_path, READS))
                assert in_metrics(server)["ariane_books_unaccounted"] == 0
                assert ariane("verify", "--books", "--data", tmp_path).status == 0
                if killed:
                    load.kill()
            acknowledged += load.acknowledged
            rejected += load.rejected
            assert len({each.received for each in seen}) > READS // 10  # it was under load
    assert ariane("export", "events", "--data", tmp_path).status == 0  # folds in what waits
    done = ariane("verify", "--deep", "--json", "--data", tmp_path)
    books = done.json()
    assert done.status == 0, books["problems"]
    assert books["pending"] == 0
    assert books["duplicate"] > 0
    # What was under way at the SIGKILL may be there or not; nobody was told.
    assert 0 <= books["received"] - acknowledged <= 3 * 7
    assert 0 <= books["rejected"] - rejected <= 3
