"""Looks for bytes that break a decoder: coverage-guided fuzzing of every target of `tests/fuzz/targets.py`.

    pip install -e '.[dev,fuzz]'
    python load_tests/fuzz.py all --seconds 180          # each target for three minutes
    python load_tests/fuzz.py batch --seconds 60 --keep  # and keep the inputs that reach more code

Starts from the corpus in `tests/fuzz/inputs/`. What breaks a target is printed, and written to a file beside it
(`<target>.found`): mend the decoder, and add the line to the corpus, which the test suite tries every time.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fuzz.corpus import read_corpus, write_corpus

FOLDER = "_ARIANE_FUZZ_FOLDER"
"""The environment variable that tells a process which folder it is to fuzz in."""

if FOLDER in os.environ:
    import atheris

    with atheris.instrument_imports(include=["collector", "sessionizer"], enable_loader_override=False):
        from tests.fuzz.targets import MAX_BYTES, TARGETS
else:
    from tests.fuzz.targets import MAX_BYTES, TARGETS

MEMORY_MB = 2048
MAX_KEPT, MAX_KEPT_BYTES = 120, 20_000
"""How large a corpus may grow by itself."""
WORDS = (
    *("anonymousId", "userId", "messageId", "previousId", "groupId", "event", "name", "type", "timestamp", "sentAt"),
    *("originalTimestamp", "properties", "traits", "context", "integrations", "batch", "writeKey", "externalIds", "id"),
    *("email", "phone", "page", "url", "referrer", "title", "campaign", "userAgent", "identityProof", "locale", "path"),
    *("products", "product_id", "price", "quantity", "revenue", "total", "currency", "order_id", "cart_id", "value"),
    *("engaged_ms", "Order Completed", "Order Refunded", "Product Added", "Cart Viewed", "Logged Out", "identify"),
    *(
        "track",
        "alias",
        "screen",
        "utm_source",
        "gclid",
        "sub",
        "anon",
        "exp",
        "nbf",
        "alg",
        "HS256",
        "Basic ",
        "Bearer ",
    ),
    *("Cookie: ariane_id=", "Authorization: ", "X-Forwarded-For: ", "Origin: ", "Sec-Fetch-Site: ", "User-Agent: "),
    *("Content-Encoding: gzip", "Accept-Encoding: gzip;q=0", "Host: ", "After-Position", "null", "true", "1e309", "-0"),
    *("\\\\u0000", "\\\\ud83d", "[[sources]]", "write_key = ", "api_key = ", "origins = [", "2026-03-02T08:00:00Z"),
)
"""What a fuzzer would take long to spell by chance."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--keep", action="store_true", help="add what reaches more code to the corpus")
    options = parser.parse_args()
    names = list(TARGETS) if options.target == "all" else [options.target]
    if FOLDER in os.environ:
        fuzz(names[0], Path(os.environ[FOLDER]), options.seconds)
    broken = [name for name in names if not look(name, options.seconds, keep=options.keep)]
    print(f"{len(names)} targets, {options.seconds} s each: {len(broken)} broken {' '.join(broken)}".rstrip())
    sys.exit(bool(broken))


def look(name: str, seconds: int, *, keep: bool) -> bool:
    """Fuzz one target in a process of its own; True when nothing broke it."""
    with tempfile.TemporaryDirectory(prefix=f"ariane-fuzz-{name}-") as made:
        folder = Path(made)
        seeds = folder / "corpus"
        seeds.mkdir()
        (folder / "words").write_text("".join(f'"{each}"\n' for each in WORDS))
        for number, each in enumerate(read_corpus(name)):
            (seeds / f"seed-{number}").write_bytes(each)
        began = time.monotonic()
        command = [sys.executable, __file__, name, "--seconds", str(seconds)]
        env = {**os.environ, FOLDER: made}
        done = subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        runs = next(
            (line.split()[1] for line in done.stdout.splitlines() if line.startswith("stat::number_of_exec")), "?"
        )
        found = sorted(
            each for each in folder.iterdir() if each.name.split("-")[0] in ("crash", "timeout", "oom", "leak")
        )
        print(
            f"{name:<14} {runs:>10} inputs in {time.monotonic() - began:4.0f} s, corpus {len(list(seeds.iterdir()))}, "
            f"{len(found)} found",
            flush=True,
        )
        if done.returncode != 0 or found:
            print("".join(each for each in done.stdout.splitlines(True) if "Instrumenting" not in each)[-4000:])
            if found:
                write_corpus(f"{name}.found", [each.read_bytes() for each in found])
            return False
        if keep:
            keep_smallest(name, seeds)
        return True


def fuzz(name: str, folder: Path, seconds: int) -> None:
    """Run the fuzzer over one target; does not return."""
    arguments = [
        sys.argv[0], str(folder / "corpus"), f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-len_control=20",
        "-timeout=5", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1", f"-dict={folder}/words",
        f"-artifact_prefix={folder}/",
    ]  # fmt: skip
    logging.disable()  # the mind logs what it sets aside, at length
    atheris.Setup(arguments, TARGETS[name], enable_python_coverage=True)
    atheris.Fuzz()


def keep_smallest(name: str, seeds: Path) -> None:
    """Add to the corpus what the fuzzer kept, shortest first, as far as it stays small."""
    kept = {bytes(each) for each in read_corpus(name)}
    size = sum(map(len, kept))
    for each in sorted((file.read_bytes() for file in seeds.iterdir()), key=len):
        if each not in kept and size + len(each) < MAX_KEPT_BYTES and len(kept) < MAX_KEPT:
            kept.add(each)
            size += len(each)
    write_corpus(name, sorted(kept, key=lambda each: (len(each), each)))


if __name__ == "__main__":
    main()
