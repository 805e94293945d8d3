"""`ariane import`: files of several kinds, through the server and without it."""

import json
from pathlib import Path

import pytest

from tests.running_ariane import ariane, serving

ORDERS = "customer,paid,sum\nC-1,2026-01-02,10.10\nC-2,2026-01-03,5\nC-1,2026-01-02,10.10\n"
ORDER_MAP = (
    *("--event", "Order Completed", "--map", "user_id=customer", "--map", "timestamp=paid"),
    *("--map", "properties.revenue=sum", "--constant", "properties.currency=EUR"),
)


def profiles(folder: Path) -> dict[str, dict[str, object]]:
    lines = ariane("export", "profiles", "--data", folder).out.splitlines()
    found = [json.loads(line) for line in lines]
    return {each["identifiers"][0]["value"]: each for each in found}


@pytest.mark.parametrize("running", [True, False])
def test_exact_copies_each_count_and_a_second_import_changes_nothing(tmp_path: Path, running: bool) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS)
    data = tmp_path / "data"

    def twice() -> None:
        done = ariane("import", file, "--data", data, *ORDER_MAP, "--json")
        assert done.status == 0, done.err
        assert (done.json()["rows"], done.json()["accepted"], done.json()["bad"]) == (3, 3, [])
        first = ariane("export", "events", "--data", data).out
        assert ariane("import", file, "--data", data, *ORDER_MAP).status == 0
        assert ariane("export", "events", "--data", data).out == first

    if running:
        with serving(data):
            twice()
    else:
        twice()
    people = profiles(data)
    assert people["C-1"]["totals"]["orders"] == 2  # type: ignore[index]
    assert people["C-1"]["totals"]["revenue"] == {"EUR": "20.20"}  # type: ignore[index]
    assert {json.loads(line)["trust"] for line in ariane("export", "events", "--data", data).out.splitlines()} == {
        "server"
    }


def test_bad_rows_are_told_with_line_and_reason_and_cost_no_other(tmp_path: Path) -> None:
    rows = "customer,paid,sum\nC-1,2026-01-02,1\nC-2,someday,2\nC-3\n,2026-01-02,3\nC-4,2026-01-02,4\n"
    done = ariane("import", "-", "--data", tmp_path, *ORDER_MAP, "--json", stdin=rows.encode())
    assert done.status == 1
    told = {each["line"]: each["reason"] for each in done.json()["bad"]}
    assert told.keys() == {3, 4, 5}
    assert "someday" in told[3]
    assert "columns" in told[4]
    assert "missing_identifier" in told[5]
    assert profiles(tmp_path).keys() == {"C-1", "C-4"}
    shown = ariane("import", "-", "--data", tmp_path, *ORDER_MAP, stdin=rows.encode())
    assert "line 3: " in shown.err
    assert "5 rows: 2 imported, 3 not" in shown.out


def test_lines_of_json_may_be_whole_events(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    event = {"type": "track", "event": "Viewed", "anonymousId": "a", "timestamp": "2020-02-29T00:00:00Z"}
    file.write_text(json.dumps(event) + "\n" + json.dumps({**event, "messageId": "mine", "type": "page"}) + "\n")
    assert ariane("import", file, "--data", tmp_path / "data").status == 0
    events = [json.loads(line) for line in ariane("export", "events", "--data", tmp_path / "data").out.splitlines()]
    assert sorted(each["type"] for each in events) == ["page", "track"]
    assert "mine" in {each["message_id"] for each in events}
    assert {each["timestamp"] for each in events} == {"2020-02-29T00:00:00.000Z"}


def test_a_customer_list_becomes_known_people(tmp_path: Path) -> None:
    rows = "id;mail;city\n1;Jane.Doe@Example.com ;Genève\n".encode("latin-1")
    done = ariane(
        *("import", "-", "--data", tmp_path, "--type", "identify", "--delimiter", "semicolon", "--encoding", "latin-1"),
        *("--map", "user_id=id", "--map", "email=mail", "--map", "traits.city=city"),
        stdin=rows,
    )
    assert done.status == 0, done.err
    (person,) = profiles(tmp_path).values()
    assert person["traits"]["city"] == "Genève"  # type: ignore[index]
    assert {
        each["type"]: each["value"]
        for each in person["identifiers"]  # type: ignore[attr-defined]
    } == {"email": "jane.doe@example.com", "user_id": "1"}


def test_a_dry_run_shows_an_event_and_sends_nothing(tmp_path: Path) -> None:
    done = ariane("import", "-", "--data", tmp_path, *ORDER_MAP, "--dry-run", stdin=ORDERS.encode())
    assert done.status == 0
    assert '"userId": "C-1"' in done.err
    assert "3 would be imported" in done.out
    assert not (tmp_path / "log.db").exists()


def test_another_source_is_named_in_the_events(tmp_path: Path) -> None:
    failed = ariane("import", "-", "--data", tmp_path, *ORDER_MAP, "--source", "till", stdin=ORDERS.encode())
    assert failed.status == 1
    assert "ariane sources add till" in failed.err
    ariane("sources", "add", "till", "--data", tmp_path)
    assert ariane("import", "-", "--data", tmp_path, *ORDER_MAP, "--source", "till", stdin=ORDERS.encode()).status == 0
    events = ariane("export", "events", "--data", tmp_path).out.splitlines()
    assert {json.loads(line)["source"] for line in events} == {"till"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--map"),
        (("--map", "user_id=customer"), "--event"),
        (("--map", "customer=user_id", "--event", "x"), "no such field"),
        (("--map", "user_id=customer", "--event", "x", "--delimiter", "::"), "--delimiter"),
        (("--map", "user_id=customer", "--event", "x", "--encoding", "utf-99"), "--encoding"),
        (("--map", "user_id=customer", "--event", "x", "--timezone", "Nowhere"), "--timezone"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    failed = ariane("import", "-", "--data", tmp_path, *options, stdin=ORDERS.encode())
    assert failed.status == 1
    assert says in failed.err
    assert failed.err.count("\n") == 1


def test_an_empty_file_says_what_to_do(tmp_path: Path) -> None:
    failed = ariane("import", "-", "--data", tmp_path, *ORDER_MAP)
    assert failed.status == 1
    assert "--columns" in failed.err
