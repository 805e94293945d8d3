"""Commands on data, beside a running server and without one: export, replay, verify, retract, redrive."""

import csv
import io
import json
import sqlite3
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.running_ariane import Finished, Server, ariane, serving


def send(server: Server, count: int = 3, device: str = "device-1") -> str:
    """Page views and an order of one visitor; the position that covers them."""
    batch = [
        {
            "type": "page",
            "anonymousId": device,
            "messageId": f"{device}-view-{n}",
            "timestamp": f"2026-11-20T08:0{n}:00Z",
            "properties": {"url": f"https://shop.example/p/{n}", "title": 'Shoes, "running"\nand more'},
        }
        for n in range(count)
    ]
    order = {"type": "track", "event": "Order Completed", "userId": "jane", "anonymousId": device}
    batch.append({**order, "messageId": f"{device}-order", "properties": {"revenue": "59.70", "currency": "EUR"}})
    answer = server.post("/v1/batch", {"batch": batch})
    assert answer.json() == {"success": True}
    return answer.headers["Log-Position"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped data folder with one visitor in it, one duplicate, and one refused event."""
    root = tmp_path_factory.mktemp("data")
    with serving(root) as server:
        send(server)
        after = send(server)
        refused = server.post("/v1/track", {"anonymousId": "device-1", "properties": {}, "messageId": "nameless"})
        assert refused.json()["rejected"][0]["reason"] == "missing_event_name"
        assert server.get("/v1/profiles/user_id:jane", after).status == 200
    return root


def export(folder: Path, what: str, *options: object) -> bytes:
    done = ariane("export", what, "--data", folder, *options)
    assert done.status == 0, done.err
    return done.out.encode()


@pytest.mark.parametrize("what", ["profiles", "events", "sessions"])
def test_an_export_gives_the_same_bytes_with_and_without_a_server(folder: Path, what: str) -> None:
    without = export(folder, what)
    with serving(folder) as server:
        assert server.get(f"/v1/export/{what}").body == without
        assert export(folder, what) == without
    assert without


def test_an_export_brings_a_folder_up_to_date_first(tmp_path: Path) -> None:
    with serving(tmp_path, "--roles", "edge") as server:
        send(server)
    assert json.loads(export(tmp_path, "profiles"))["totals"]["orders"] == 1


def test_an_export_of_no_data_folder_says_so(tmp_path: Path) -> None:
    failed = ariane("export", "profiles", "--data", tmp_path / "none")
    assert failed.status == 1
    assert "--data" in failed.err
    assert not (tmp_path / "none").exists()


def test_csv_lays_nested_values_flat(folder: Path) -> None:
    row = next(csv.DictReader(io.StringIO(export(folder, "profiles", "--format", "csv").decode(), newline="")))
    assert row["status"] == "known"
    assert row["totals.orders"] == "1"
    assert json.loads(row["totals.revenue"]) == {"EUR": "59.70"}
    assert row["cart.value"] == ""
    events = list(csv.DictReader(io.StringIO(export(folder, "events", "--format", "csv").decode(), newline="")))
    assert json.loads(events[0]["properties"])["title"] == 'Shoes, "running"\nand more'


def test_parquet_has_the_same_rows_with_types(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.parquet"
    export(folder, "events", "--format", "parquet", "--output", target)
    rows = pyarrow.parquet.read_table(target).to_pylist()
    lines = [json.loads(line) for line in export(folder, "events").splitlines()]
    assert [row["message_id"] for row in rows] == [line["message_id"] for line in lines]
    assert [row["position"] for row in rows] == [line["position"] for line in lines]
    assert [json.loads(row["properties"]) for row in rows] == [line["properties"] for line in lines]


def test_an_output_that_fails_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "no such folder" / "profiles"
    failed = ariane("export", "profiles", "--data", folder, "--output", target)
    assert failed.status == 1
    assert "Traceback" not in failed.err


def test_replay_into_another_folder_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    assert ariane("replay", "--data", folder, "--into", copy).status == 0
    for what in ("profiles", "events", "sessions"):
        assert export(copy, what) == export(folder, what)
    assert ariane("keys", "--data", copy, "--json").out == ariane("keys", "--data", folder, "--json").out
    with serving(copy) as server:
        assert server.get("/v1/profiles/user_id:jane").status == 200


def test_replay_into_works_beside_a_running_server(tmp_path: Path) -> None:
    with serving(tmp_path / "live") as server:
        send(server)
        assert ariane("replay", "--data", tmp_path / "live", "--into", tmp_path / "copy").status == 0
        assert export(tmp_path / "copy", "events") == export(tmp_path / "live", "events")


def test_replay_refuses_a_folder_that_is_not_empty(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    failed = ariane("replay", "--data", folder, "--into", tmp_path)
    assert failed.status == 1
    assert "not empty" in failed.err


def test_replay_in_place_mends_a_store_that_was_tampered_with(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        send(server)
        good = export(tmp_path, "profiles")
        refused = ariane("replay", "--data", tmp_path)
        assert refused.status == 1
        assert "in use" in refused.err
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("delete from visitors")
        db.execute("update books set value = 7 where name = 'stored'")
    db.close()
    found = ariane("verify", "--data", tmp_path, "--json")
    assert found.status == 1
    assert "replay" in found.json()["problems"][0]
    assert ariane("replay", "--data", tmp_path).status == 0
    assert export(tmp_path, "profiles") == good
    assert ariane("verify", "--data", tmp_path, "--deep").status == 0
    assert not list(tmp_path.glob("*replay*"))


def test_replay_in_place_is_refused_while_an_api_reads_the_store(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        stored = server.post("/v1/page", {"anonymousId": "a"}).headers["Log-Position"]
        assert server.get("/v1/profiles/anonymous_id:a", stored).status == 200
    with serving(tmp_path, "--roles", "api") as api:
        refused = ariane("replay", "--data", tmp_path)
        assert refused.status == 1
        assert api.url in refused.err
        assert api.get("/v1/profiles/anonymous_id:a").status == 200
    assert ariane("replay", "--data", tmp_path).status == 0


def test_replay_mends_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        send(server)
        good = export(tmp_path, "profiles")
    (tmp_path / "store.db").write_bytes(b"this is no database" * 1000)
    assert ariane("replay", "--data", tmp_path).status == 0
    assert export(tmp_path, "profiles") == good


def test_ids_handed_out_before_a_merge_still_resolve_after_a_replay(tmp_path: Path) -> None:
    view = {"anonymousId": "device-1", "messageId": "view", "timestamp": "2026-11-20T08:00:00Z"}
    with serving(tmp_path) as server:
        after = server.post("/v1/page", view).headers["Log-Position"]
        earlier = server.get("/v1/profiles/anonymous_id:device-1", after).json()["profile_id"]
        login = {"anonymousId": "device-1", "userId": "jane", "timestamp": "2026-11-20T08:01:00Z", "messageId": "login"}
        after = server.post("/v1/identify", login).headers["Log-Position"]
        assert server.get(f"/v1/profiles/profile_id:{earlier}", after).json()["status"] == "known"
    assert ariane("replay", "--data", tmp_path).status == 0
    with serving(tmp_path) as server:
        assert server.get(f"/v1/profiles/profile_id:{earlier}").json()["status"] == "known"


def visit(device: str, hour: int, nth: int = 0) -> dict[str, object]:
    at = f"2026-11-20T{hour:02}:00:0{nth}Z"
    return {"type": "page", "anonymousId": device, "messageId": f"{device}-{hour}-{nth}", "timestamp": at}


def facts(server: Server, after: str = "", written: str | None = None) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.get(f"/v1/facts?after={after}", written).body.splitlines()]


@pytest.mark.parametrize("into", [False, True])
def test_facts_stay_published_over_a_replay_and_cursors_go_on(tmp_path: Path, into: bool) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    with serving(live) as server:
        server.post("/v1/batch", {"batch": [visit("d1", 8), visit("d1", 9), visit("d2", 8), visit("d1", 7)]})
        answer = server.post("/v1/batch", {"batch": [visit("d1", 8, nth=1)]})
        published = facts(server, written=answer.headers["Log-Position"])
        assert {"SessionStarted", "SessionEnded", "SessionAmended"} == {each["fact"] for each in published}
    assert ariane("replay", "--data", live, *(["--into", copy] if into else [])).status == 0
    with serving(copy if into else live) as server:
        assert facts(server) == published
        answer = server.post("/v1/batch", {"batch": [visit("d1", 9, nth=1), visit("d2", 9)]})
        new = facts(server, published[-1]["cursor"], answer.headers["Log-Position"])
        assert [(each["fact"], each["anonymous_id"]) for each in new] == [
            ("SessionEnded", "d2"),
            ("SessionStarted", "d2"),
        ]


def test_what_was_not_folded_yet_is_published_by_the_replay_that_folds_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answer = server.post("/v1/batch", {"batch": [visit("d1", 8)]})
        published = facts(server, written=answer.headers["Log-Position"])
    with serving(tmp_path, "--roles", "edge") as server:
        server.post("/v1/batch", {"batch": [visit("d1", 9)]})
    assert ariane("replay", "--data", tmp_path).status == 0
    with serving(tmp_path) as server:
        found = facts(server)
        assert found[: len(published)] == published
        assert [each["fact"] for each in found[len(published) :]] == ["SessionEnded", "SessionStarted"]


def test_a_store_that_was_lost_is_followed_anew(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answer = server.post("/v1/batch", {"batch": [visit("d1", 8)]})
        published = facts(server, written=answer.headers["Log-Position"])
    (tmp_path / "store.db").write_bytes(b"this is no database" * 1000)
    assert ariane("replay", "--data", tmp_path).status == 0
    with serving(tmp_path) as server:
        refused = server.get(f"/v1/facts?after={published[-1]['cursor']}")
        assert (refused.status, refused.json()["reason"]) == (400, "invalid_cursor")
        assert [each["fact"] for each in facts(server)] == ["SessionStarted"]


def books(done: Finished) -> dict[str, int]:
    found: dict[str, int] = done.json()
    columns = ("stored", "duplicate", "rejected", "withheld", "suppressed", "pending")
    assert found["received"] == sum(found[each] for each in columns)
    return found


def test_the_books_balance(folder: Path) -> None:
    done = ariane("verify", "--data", folder, "--json", "--deep")
    assert done.status == 0, done.out
    found = books(done)
    assert (found["stored"], found["duplicate"], found["rejected"], found["pending"]) == (4, 4, 1, 0)


def test_what_the_mind_has_not_seen_is_pending(tmp_path: Path) -> None:
    with serving(tmp_path, "--roles", "edge") as server:
        send(server)
        assert books(ariane("verify", "--data", tmp_path, "--json"))["pending"] == 4


def test_verify_names_a_damaged_record(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        send(server)
    with sqlite3.connect(tmp_path / "log.db") as db:
        db.execute("update records set body = cast(body || 'x' as blob) where position = 2")
    db.close()
    found = ariane("verify", "--data", tmp_path, "--json")
    assert found.status == 1
    assert found.json()["damaged"] == [2]


def test_bots_that_a_source_excludes_are_withheld_in_the_books(tmp_path: Path) -> None:
    ariane("keys", "--data", tmp_path)
    sources = tmp_path / "sources.toml"
    sources.write_text(sources.read_text().replace("exclude_bots = false", "exclude_bots = true"))
    with serving(tmp_path) as server:
        context = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
        server.post("/v1/page", {"anonymousId": "robot", "messageId": "view", "context": context})
        assert books(ariane("verify", "--data", tmp_path, "--json"))["withheld"] == 1


@pytest.mark.parametrize("running", [True, False])
def test_a_retraction_undoes_a_login(tmp_path: Path, running: bool) -> None:
    with serving(tmp_path) as server:
        send(server)
        if running:
            done = ariane("retract", "device-1-order", "--data", tmp_path, "--reason", "wrong person", "--json")
            assert done.status == 0, done.err
            after = str(done.json()["position"])
            assert server.get("/v1/profiles/user_id:jane", after).status == 404
    if not running:
        assert ariane("retract", "device-1-order", "--data", tmp_path, "--reason", "wrong person").status == 0
    assert json.loads(export(tmp_path, "profiles"))["status"] == "anonymous"
    assert ariane("verify", "--data", tmp_path).status == 0


@pytest.mark.parametrize("running", [True, False])
def test_a_dry_run_tells_what_a_retraction_would_change_and_changes_nothing(tmp_path: Path, running: bool) -> None:
    with serving(tmp_path) as server:
        server.get("/v1/profiles/user_id:jane", send(server))
        if running:
            done = ariane("retract", "device-1-order", "--data", tmp_path, "--dry-run")
    if not running:
        done = ariane("retract", "device-1-order", "--data", tmp_path, "--dry-run")
    assert done.status == 0, done.err
    assert "2 profiles" in done.out
    assert "user_id:jane" in done.out
    assert "would be gone" in done.out
    assert done.out.endswith("Nothing was changed.\n")
    told = ariane("retract", "device-1-order", "--data", tmp_path, "--dry-run", "--json").json()
    assert (told["events_moved"], told["profiles_changed"]) == (4, 2)
    assert json.loads(export(tmp_path, "profiles"))["status"] == "known"
    assert "Nothing would change" in ariane("retract", "no-such-message", "--data", tmp_path, "--dry-run").out


def test_a_retraction_needs_a_reason(tmp_path: Path) -> None:
    refused = ariane("retract", "m1", "--data", tmp_path)
    assert refused.status == 2
    assert "--reason" in refused.err


def digest(folder: Path) -> dict[str, object]:
    named = ariane("verify", "--data", folder, "--digest", "--json")
    assert named.status == 0, named.err
    told: dict[str, object] = named.json()
    assert ariane("verify", "--data", folder, "--digest").out == f"state {told['state']}  log {told['log']}\n"
    return told


def test_the_digest_names_the_state_and_a_replay_has_the_same(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert ariane("replay", "--data", folder, "--into", copy).status == 0
    assert digest(folder) == digest(copy)


def test_folders_that_took_the_same_events_in_different_orders_have_the_same_state(tmp_path: Path) -> None:
    batch = [
        {"type": "page", "anonymousId": f"d{n % 2}", "messageId": f"m{n}", "timestamp": f"2026-11-20T08:{n:02}:00Z"}
        for n in range(20)
    ]
    batch[7] |= {"type": "identify", "userId": "jane", "traits": {"email": "jane@x.org"}}
    batch[12] |= {"type": "identify", "traits": {"email": "jane@x.org"}}
    for name, order in (("one", batch), ("other", [*batch[10:], *reversed(batch[:10])]), ("less", batch[1:])):
        with serving(tmp_path / name) as server:
            for half in (order[:5], order[5:]):
                after = server.post("/v1/batch", {"batch": half}).headers["Log-Position"]
            assert server.get("/v1/profiles/user_id:jane", after).status == 200
    one, other, less = (digest(tmp_path / name) for name in ("one", "other", "less"))
    assert one["state"] == other["state"] != less["state"]
    assert one["log"] != other["log"]
    assert (one["profiles"], one["events"]) == (1, 20)


def test_what_is_still_pending_is_not_digested(tmp_path: Path) -> None:
    with serving(tmp_path, "--roles", "edge") as server:
        send(server)
    failed = ariane("verify", "--data", tmp_path, "--digest")
    assert failed.status == 1
    assert "not folded in yet" in failed.err


def test_refused_events_are_driven_in_again_once_mended(tmp_path: Path) -> None:
    ariane("keys", "--data", tmp_path)
    long_id = {"anonymousId": "d" * 300, "messageId": "long", "event": "Viewed"}
    with serving(tmp_path, "--edge", "max_id_chars=50") as server:
        server.post("/v1/track", {**long_id, "anonymousId": "d" * 60})
        server.post("/v1/track", long_id)
        refused = ariane("redrive", "--data", tmp_path)
        assert refused.status == 1
        assert server.url in refused.err
        assert ariane("redrive", "--data", tmp_path, "--list", "--json").json() == {"id_too_long": 2}
    done = ariane("redrive", "--data", tmp_path, "--json")
    assert done.json() == {"accepted": 1, "refused again: id_too_long": 1}
    assert json.loads(export(tmp_path, "events"))["anonymous_id"] == "d" * 60
    assert ariane("redrive", "--data", tmp_path, "--list", "--json").json() == {"id_too_long": 1}
    assert books(ariane("verify", "--data", tmp_path, "--json"))["rejected"] == 1


def test_driving_in_again_goes_by_the_folders_own_settings(tmp_path: Path) -> None:
    ariane("keys", "--data", tmp_path)
    with serving(tmp_path) as server:
        server.post("/v1/track", {"anonymousId": "d" * 300, "messageId": "long", "event": "Viewed"})
    (tmp_path / "ariane.toml").write_text("[edge]\nmax_id_chars = 400\n")
    assert ariane("redrive", "--data", tmp_path, "--json").json() == {"accepted": 1}
