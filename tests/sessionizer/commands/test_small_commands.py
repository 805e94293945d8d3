"""keys, sources, snippet, geo, doctor, tail, demo: each as a real process."""

import base64
import hashlib
import json
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.request import urlopen

from tests.running_ariane import ARIANE, ROOT, ariane, environment, serving


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from sessionizer.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([each for each in ('aiohttp', 'rich', 'aiosqlite', 'prometheus_client') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip().endswith("[]")


def test_keys_makes_them_once_for_its_owner_only(tmp_path: Path) -> None:
    first = ariane("keys", "--data", tmp_path / "d", "--json")
    assert set(first.json()) == {"write_key", "server_key", "api_key", "identity_secret"}
    assert f"there was no data folder {tmp_path / 'd'}" in first.err
    again = ariane("keys", "--data", tmp_path / "d", "--json")
    assert (again.out, again.err) == (first.out, "")
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "d" / "sources.toml").stat().st_mode) == 0o600


def test_a_source_is_added_with_its_origin_and_noticed_by_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        added = ariane("sources", "add", "app", "--origin", "https://app.example", "--data", tmp_path, "--json").json()
        assert added["origins"] == ["https://app.example"]
        server.keys["write_key"] = added["write_key"]
        deadline = time.monotonic() + 10
        while (answer := server.post("/v1/page", {"anonymousId": "a"})).status != 200:
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)
    assert [each["name"] for each in ariane("sources", "list", "--data", tmp_path, "--json").json()] == [
        "default",
        "app",
    ]
    assert ariane("sources", "add", "app", "--data", tmp_path).status == 1
    more = ariane("sources", "add", "default", "--origin", "https://a.example", "--data", tmp_path, "--json").json()
    assert more["write_key"] == ariane("keys", "--data", tmp_path, "--json").json()["write_key"]
    assert more["origins"] == ["https://a.example"]


def test_a_wrong_origin_changes_nothing(tmp_path: Path) -> None:
    ariane("keys", "--data", tmp_path)
    before = (tmp_path / "sources.toml").read_bytes()
    failed = ariane("sources", "add", "app", "--origin", "https://app.example/path", "--data", tmp_path)
    assert failed.status == 1
    assert "no web origin" in failed.err
    assert (tmp_path / "sources.toml").read_bytes() == before


def test_a_pinned_snippet_carries_the_hashes_of_what_is_served(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        shown = ariane("snippet", "--pin", "--data", tmp_path)
        for path in ("/t.js", "/t-extras.js"):
            with urlopen(server.url + path) as script:
                digest = hashlib.sha384(script.read()).digest()
            expected = f"sha384-{base64.b64encode(digest).decode()}"
            assert f"{path}  {expected}" in shown.err
            [line] = [each for each in shown.out.splitlines() if f"{path}" in each]
            assert f'integrity="{expected}" crossorigin' in line


def test_the_snippet_names_the_running_server_and_its_write_key(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        line = ariane("snippet", "--data", tmp_path).out.strip()
        assert line == f'<script defer src="{server.url}/t.js" data-write-key="{server.keys["write_key"]}"></script>'
        with urlopen(f"{server.url}/t.js") as tracker:
            assert tracker.status == 200


def test_a_broken_sources_file_is_told_line_by_line(tmp_path: Path) -> None:
    ariane("keys", "--data", tmp_path)
    sources = tmp_path / "sources.toml"
    sources.write_text(sources.read_text().replace("write_key", "write_kee"))
    failed = ariane("serve", "--data", tmp_path)
    assert failed.status == 1
    assert "write_kee: no such setting" in failed.err
    assert "write_key: is missing" in failed.err
    assert "Traceback" not in failed.err


def test_geo_explains_and_lists(tmp_path: Path) -> None:
    done = ariane("geo", "--data", tmp_path)
    assert done.status == 0
    assert "db-ip.com" in done.out
    assert "Installed: none" in done.out
    (tmp_path / "geo").mkdir()
    (tmp_path / "geo" / "broken.mmdb").write_bytes(b"no database")
    assert "broken.mmdb" in ariane("geo", "--data", tmp_path, "--json").json()["problems"][0]


def levels(done: object) -> dict[str, str]:
    findings = json.loads(done.out)["findings"]  # type: ignore[attr-defined]
    return {each["subject"]: each["level"] for each in findings}


def test_doctor_finds_a_running_server_well(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        after = server.post("/v1/page", {"anonymousId": "a"}).headers["Log-Position"]
        server.get("/v1/profiles", after)
        done = ariane("doctor", "--data", tmp_path, "--json")
    assert done.status == 0
    found = levels(done)
    assert {
        found[each] for each in ("versions", "disk", "permissions", "keys", "server", "clock", "mind", "refused")
    } == {"ok"}
    assert found["origins"] == "warning"
    assert found["geo"] == "note"


def test_doctor_says_what_to_do_and_fails_on_errors(tmp_path: Path) -> None:
    assert ariane("doctor", "--data", tmp_path / "none").status == 0
    ariane("keys", "--data", tmp_path)
    (tmp_path / "sources.toml").chmod(0o644)
    (tmp_path / "sources.toml").write_text("api_key = 1")
    done = ariane("doctor", "--data", tmp_path, "--json")
    assert done.status == 1
    assert levels(done)["keys"] == "error"
    assert levels(done)["permissions"] == "warning"
    assert f"chmod 600 {tmp_path}/sources.toml" in ariane("doctor", "--data", tmp_path).out


def test_doctor_names_the_devices_and_contacts_that_many_share(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        people = [
            {"type": "identify", "anonymousId": "kiosk", "userId": f"u{nth}", "traits": {"email": "till@shop.example"}}
            for nth in range(21)
        ]
        after = server.post("/v1/batch", {"batch": people}).headers["Log-Position"]
        server.get("/v1/profiles", after)
        done = ariane("doctor", "--data", tmp_path)
    assert done.status == 0
    assert "1 device is shared by more than 20 users; the busiest: kiosk (21 users, 21 events)" in done.out
    assert "call reset() at logout" in done.out
    assert "the heaviest: email:till@shop.example (21 users, 0 devices without one)" in done.out
    assert "blocked_ids" in done.out


def test_tail_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    failed = ariane("tail", "--data", tmp_path)
    assert failed.status == 1
    assert "ariane serve" in failed.err


def test_tail_shows_accepted_rejected_and_duplicates(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        unless_ignored = ("env", "--default-signal=INT")  # as it is where a shell runs the tests in the background
        argv = [*unless_ignored, *ARIANE, "tail", "--data", str(tmp_path), "--json"]
        seen: dict[str, dict[str, object]] = {}
        shown = threading.Event()

        def send() -> None:
            while not shown.wait(0.3):
                server.post("/v1/page", {"anonymousId": "a", "messageId": "same"})
                server.post("/v1/track", {"anonymousId": "a"})

        sending = threading.Thread(target=send)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(None)) as tail:
            try:
                sending.start()
                assert tail.stdout is not None
                while {"accepted", "rejected", "duplicates"} - seen.keys():
                    outcome = json.loads(tail.stdout.readline())
                    seen[outcome["outcome"]] = outcome
                tail.send_signal(signal.SIGINT)
                assert tail.wait(20) == 0
            finally:
                shown.set()
                sending.join()
                tail.kill()
    assert seen["rejected"]["reason"] == "missing_event_name"
    assert seen["accepted"]["event"]["message_id"] == "same"  # type: ignore[index]


def test_the_demo_serves_its_shop_and_live_page_and_simulates_visitors(tmp_path: Path) -> None:
    argv = [*ARIANE, "demo", "--port", "0", "--shop-port", "0", "--visitors", "5", "--data", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(None)) as demo:
        try:
            assert demo.stdout is not None
            shop, live = (re.search(r"http\S+", demo.stdout.readline())[0] for _ in range(2))  # type: ignore[index]
            with urlopen(shop) as page:
                assert live.removesuffix("/demo/live") + "/t.js" in page.read().decode()
            with urlopen(live) as page:
                assert page.status == 200
            while "Simulated: 5 visitors" not in (line := demo.stdout.readline()):
                assert line, "the demo ended"
        finally:
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(20) == 0
    assert len(ariane("export", "profiles", "--data", tmp_path).out.splitlines()) >= 5
