"""Whether a running server keeps what `/openapi.json` promises, whatever is sent: schemathesis, with all its phases.

    python load_tests/openapi.py [--seconds 120]

Half of the time with the API key on what it opens, half with a write key on ingest. Left out: `/v1/live`, which never
ends; the checks that every request which fits the schema is taken (a cursor or a time has a grammar of its own), and
that every other is refused (ingest takes a batch and names the bad events in it). The last line is the number of cases
and of failures.
"""

import argparse
import base64
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.running_ariane import Server, serving

WITH = {"api_key": "--exclude-tag", "write_key": "--include-tag"}
"""Which key goes with ingest, and which with everything else."""
CONFIG = '[parameters]\n"query.wait" = 0\n"header.After-Position" = "0"\n'
"""What is drawn for these would be waited for."""
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
EVENTS = [
    {"type": "identify", "anonymousId": "d1", "userId": "ada", "traits": {"email": "ada@example.com"}},
    {"type": "track", "anonymousId": "d1", "event": "Order Completed", "properties": {"revenue": 5}},
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="ariane-openapi-") as folder, serving(Path(folder) / "data") as server:
        position = server.post("/v1/batch", {"batch": EVENTS}).headers["Log-Position"]
        assert server.get("/v1/profiles/user_id:ada", position).status == 200
        reports = [tried(server, key, seconds // 2, Path(folder)) for key in WITH]
        crashes = re.search(r"\nariane_unexpected_errors_total (\S+)", server.get("/metrics").body.decode())
        assert crashes is not None
    cases = sum(number(r"([\d,]+) generated", each) for each in reports)
    failures = sum(number(r"(\d+) unique failures?", each) for each in reports)
    print(f"{cases} cases, {failures} failures, {float(crashes[1]):.0f} answers with 500")
    sys.exit(bool(failures or float(crashes[1])))


def tried(server: Server, key: str, seconds: int, folder: Path) -> str:
    """Schemathesis' report, printed too."""
    user = base64.b64encode(f"{server.keys[key]}:".encode()).decode()
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{server.url}/openapi.json",
        "--header", f"Authorization: Basic {user}", WITH[key], "ingest",
        "--max-time", str(seconds), "--continue-on-failure", "--exclude-path", "/v1/live",
        "--exclude-checks", LEFT_OUT, "--generation-database", "none",
    ]  # fmt: skip
    (folder / "schemathesis.toml").write_text(CONFIG)
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, flush=True)
    return done.stdout


def number(pattern: str, report: str) -> int:
    """A number of the report; 0 where it is not mentioned."""
    found = re.search(pattern, report)
    return int(found[1].replace(",", "")) if found else 0


if __name__ == "__main__":
    main()
