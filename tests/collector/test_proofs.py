"""Proofs of identity, through a real edge: every recipe of docs/proofs.md, every forgery we know, and the helper.

A recipe runs in its own interpreter. Where one is missing its test is skipped, on a build server it fails.
"""

import base64
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from collector.event import Event, Trust
from collector.proof import MAX_LIFE_S, MAX_PROOF_CHARS, check_proof, sign
from collector.runtime import clock
from tests.running_ariane import ariane
from tests.running_edge import LISTED, OPEN, RunningEdge, make_edge, running

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/proofs.md").read_text()
SECRET = OPEN.identity_secret
USER, DEVICE, EMAIL, PHONE = "C-1001 é", "5f0c/6b1e?+=", "Jane+news@Shop.example", "+33612345678"
MINUTE_S = 60


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with running(make_edge(tmp_path)) as started:
        yield started


async def stored(
    edge: RunningEdge, token: Any, *, user: Any = USER, device: str = DEVICE, key: str = "wk_open"
) -> Event:
    """The event that an identify with this proof becomes. Whatever the proof is, the edge takes it."""
    body = {"userId": user, "anonymousId": DEVICE, "context": {"identityProof": token}}
    status, answer, _ = await edge.post("/v1/identify", body)
    assert (status, answer) == (200, {"success": True})
    event = (await edge.events())[-1]
    assert "identityProof" not in event.context
    return event


def warnings_of(event: Event) -> tuple[str, ...]:
    return tuple(each for each in event.derived.warnings if each.startswith("proof_"))


# The recipes -------------------------------------------------------------------------------------------------------

NODE = "process.stdout.write(identityProof(...JSON.parse(process.argv[1])));"
CALLS: dict[str, tuple[list[str], str]] = {
    "python": ([sys.executable, "-c"], "import json, sys\nprint(identity_proof(*json.loads(sys.argv[1])))"),
    "js": (["node", "-e"], NODE),
    "php": (["php", "-r"], "echo identity_proof(...json_decode($argv[1]));"),
    "ruby": (
        ["ruby", "-e"],
        "s, u, d, e, p = JSON.parse(ARGV[0])\nputs identity_proof(s, u, d, **{ email: e, phone: p }.compact)",
    ),
}


def recipe(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"docs/proofs.md has {len(found)} recipes in {language}"
    return str(found[0])


def run_recipe(language: str, *arguments: str) -> str:
    command, call = CALLS[language]
    found = shutil.which(command[0])
    if found is None:
        if os.environ.get("CI"):
            raise AssertionError(f"{command[0]} is not installed, and a build server must run every recipe")
        pytest.skip(f"{command[0]} is not installed")
    code = f"{recipe(language)}\n{call}"
    separator = ["--"] if language in ("js", "php", "ruby") else []
    done = subprocess.run(
        [found, *command[1:], code, *separator, json.dumps(arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_recipe_is_run() -> None:
    assert set(re.findall(r"^```(\w+)$", DOCS, re.MULTILINE)) == CALLS.keys()


@pytest.mark.parametrize("language", CALLS)
async def test_the_edge_believes_what_the_recipe_signs(edge: RunningEdge, language: str) -> None:
    event = await stored(edge, run_recipe(language, SECRET, USER, DEVICE, EMAIL, PHONE))
    assert (event.trust, warnings_of(event)) == (Trust.PROVEN, ())
    assert [(each.type, each.value, each.signed) for each in event.contacts] == [
        ("email", EMAIL.lower(), True),
        ("phone", PHONE, True),
    ]


@pytest.mark.parametrize("language", CALLS)
async def test_a_recipe_signs_no_contact_that_it_is_not_given(edge: RunningEdge, language: str) -> None:
    event = await stored(edge, run_recipe(language, SECRET, USER, DEVICE))
    assert (event.trust, event.contacts) == (Trust.PROVEN, ())


async def test_the_helper_signs_what_the_edge_believes(edge: RunningEdge) -> None:
    event = await stored(edge, sign(SECRET, USER, DEVICE, EMAIL, ttl_s=MAX_LIFE_S, now_s=clock.now_ms() / 1000))
    assert event.trust == Trust.PROVEN
    assert [(each.value, each.signed) for each in event.contacts] == [(EMAIL.lower(), True)]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"secret": "short"}, "32 characters"),
        ({"user_id": ""}, "user_id"),
        ({"anonymous_id": ""}, "anonymous_id"),
        ({"ttl_s": 0}, "seconds"),
        ({"ttl_s": MAX_LIFE_S + 1}, "seconds"),
        ({"email": "x" * MAX_PROOF_CHARS}, "characters"),
    ],
)
def test_the_helper_refuses_what_could_never_be_believed(given: dict[str, Any], why: str) -> None:
    fine: dict[str, Any] = {"secret": SECRET, "user_id": USER, "anonymous_id": DEVICE, "now_s": 0}
    with pytest.raises(ValueError, match=why):
        sign(**{**fine, **given})


def test_the_command_signs_with_the_source_it_is_told(tmp_path: Path) -> None:
    keys = ariane("keys", "--data", tmp_path, "--json").json()
    done = ariane("proof", USER, DEVICE, "--email", EMAIL, "--ttl-s", "60", "--data", tmp_path)
    verdict = check_proof(done.out.strip(), keys["identity_secret"], USER, DEVICE, clock.now_ms())
    assert (verdict.failure, verdict.contacts) == (None, {"email": EMAIL})
    assert ariane("proof", USER, DEVICE, "--source", "nobody", "--data", tmp_path).status == 1
    assert ariane("proof", USER, DEVICE, "--ttl-s", "9999999", "--data", tmp_path).status == 2
    assert ariane("proof", "", DEVICE, "--data", tmp_path).status == 1


# Forgeries and accidents -------------------------------------------------------------------------------------------


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    claims: Any = None,
    header: Any = None,
    *,
    secret: str = SECRET,
    digest: str = "sha256",
    signed: bool = True,
    **more: Any,
) -> str:
    """A JWT by hand, so that anything can be wrong with it. `more` replaces claims; None leaves one out."""
    good = {"sub": USER, "anon": DEVICE, "exp": clock.now_ms() // 1000 + 3600}
    if claims is None:
        claims = {name: value for name, value in {**good, **more}.items() if value is not None}
    parts = [
        each if isinstance(each, bytes) else json.dumps(each).encode()
        for each in (header or {"alg": "HS256", "typ": "JWT"}, claims)
    ]
    text = ".".join(map(encoded, parts))
    mac = hmac.new(secret.encode(), text.encode(), digest).digest()
    return f"{text}.{encoded(mac) if signed else ''}"


def in_s(seconds: int) -> int:
    return clock.now_ms() // 1000 + seconds


def forged() -> dict[str, tuple[Any, str]]:
    """name → (proof, why it fails)."""
    good = token()
    head, body, signature = good.split(".")
    deep = b"[" * 1500 + b"]" * 1500
    rs256, hs512 = {"alg": "RS256", "typ": "JWT"}, {"alg": "HS512", "typ": "JWT"}
    edited = encoded(json.dumps({"sub": USER, "anon": DEVICE}).encode())
    own_key = {"alg": "HS256", "jwk": {"kty": "oct", "k": encoded(b"m" * 32)}}
    return {
        "no text": (7, "malformed"),
        "null": (None, "malformed"),
        "an object": ({"sub": USER}, "malformed"),
        "empty": ("", "malformed"),
        "two parts": (f"{head}.{body}", "malformed"),
        "four parts": (f"{good}.x", "malformed"),
        "a lone surrogate": ("\ud800" + good, "malformed"),
        "huge": (token(pad="x" * 4000), "malformed"),
        "huge and empty": ("." * 20_000, "malformed"),
        "a deep header": (f"{encoded(deep)}.{body}.{signature}", "malformed"),
        "claims that are a list": (token([USER, DEVICE]), "malformed"),
        "claims that are no JSON": (token(b"{]"), "malformed"),
        "claims that are no UTF-8": (token(b'{"sub": "\xff"}'), "malformed"),
        "alg none, unsigned": (token(header={"alg": "none"}, signed=False), "malformed"),
        "alg NONE, signed": (token(header={"alg": "NONE"}), "malformed"),
        "no alg": (token(header={"typ": "JWT"}), "malformed"),
        "HS512 with the right secret": (token(header=hs512, digest="sha512"), "malformed"),
        "RS256 with the secret as an HMAC key": (token(header=rs256), "malformed"),
        "alg a list": (token(header={"alg": ["HS256"]}), "malformed"),
        "critical extensions": (token(header={"alg": "HS256", "crit": ["exp"], "exp": 1}), "malformed"),
        "a detached payload": (token(header={"alg": "HS256", "b64": False, "crit": ["b64"]}), "malformed"),
        "another secret": (token(secret="x" * 32), "signature"),
        "another source's secret": (token(secret=LISTED.identity_secret), "signature"),
        "the write key": (token(secret=OPEN.write_key), "signature"),
        "the server key": (token(secret=OPEN.server_key), "signature"),
        "no secret": (token(secret=""), "signature"),
        "no signature": (f"{head}.{body}.", "signature"),
        "edited claims": (f"{head}.{edited}.{signature}", "signature"),
        "a key of its own in the header": (token(header=own_key, secret="m" * 32), "signature"),
        "a key id": (token(header={"alg": "HS256", "kid": "../../dev/null"}, secret=""), "signature"),
        "no exp": (token(exp=None), "malformed"),
        "exp a text": (token(exp=str(in_s(60))), "malformed"),
        "exp true": (token(exp=True), "malformed"),
        "exp a list": (token(exp=[in_s(60)]), "malformed"),
        "exp not a number": (token(exp=float("nan")), "expired"),
        "exp infinite": (token(exp=float("inf")), "lifetime"),
        "exp enormous": (token(exp=10**400), "lifetime"),
        "exp long ago": (token(exp=0), "expired"),
        "exp before the leeway": (token(exp=in_s(-MINUTE_S - 5)), "expired"),
        "exp too far": (token(exp=in_s(MAX_LIFE_S + MINUTE_S + 5)), "lifetime"),
        "nbf ahead": (token(nbf=in_s(MINUTE_S + 5)), "not_yet_valid"),
        "nbf a text": (token(nbf="now"), "malformed"),
        "no sub": (token(sub=None), "user_mismatch"),
        "another sub": (token(sub="C-1002"), "user_mismatch"),
        "sub with a blank": (token(sub=f"{USER} "), "user_mismatch"),
        "sub a number": (token(sub=1001), "malformed"),
        "sub a list": (token(sub=[USER]), "malformed"),
        "no anon": (token(anon=None), "device_mismatch"),
        "another anon": (token(anon="another"), "device_mismatch"),
        "anon a list": (token(anon=[DEVICE]), "device_mismatch"),
        "anon in another case": (token(anon=DEVICE.upper()), "device_mismatch"),
    }


@pytest.mark.parametrize("name", forged())
async def test_a_failing_proof_makes_its_event_public_with_a_warning_and_is_never_refused(
    edge: RunningEdge, name: str
) -> None:
    proof, why = forged()[name]
    event = await stored(edge, proof)
    assert (event.trust, warnings_of(event)) == (Trust.PUBLIC, (f"proof_rejected:{why}",))
    assert (event.user_id, event.anonymous_id) == (USER, DEVICE)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, lambda: {"exp": in_s(-MINUTE_S + 30)}),
        ({}, lambda: {"exp": in_s(MAX_LIFE_S + MINUTE_S - 30)}),
        ({}, lambda: {"exp": in_s(60) + 0.5}),
        ({}, lambda: {"nbf": in_s(MINUTE_S - 30), "iat": in_s(10**6), "aud": "anyone", "iss": ["x"]}),
        (
            {
                "kid": "any",
                "jku": "http://127.0.0.1:1/keys",
                "x5u": "file:///dev/null",
                "jwk": {"kty": "oct", "k": "AA"},
            },
            dict,
        ),
        ({"typ": "at+jwt"}, lambda: {"email": 7, "phone": ["+33612345678"], "pad": "x" * 2000}),
    ],
    ids=["within the leeway", "at most seven days", "a fraction", "claims we do not ask for", "keys of its own", "odd"],
)
async def test_what_we_do_not_ask_for_changes_nothing(
    edge: RunningEdge, header: dict[str, Any], claims: Callable[[], dict[str, Any]]
) -> None:
    event = await stored(edge, token(header={"alg": "HS256", **header}, **claims()))
    assert (event.trust, warnings_of(event), event.contacts) == (Trust.PROVEN, (), ())


async def test_a_number_for_a_user_is_signed_as_text(edge: RunningEdge) -> None:
    assert (await stored(edge, token(sub="42"), user=42)).trust == Trust.PROVEN


async def test_a_proof_without_a_user_or_device_in_its_event_proves_nothing(edge: RunningEdge) -> None:
    status, _, _ = await edge.post("/v1/page", {"anonymousId": DEVICE, "context": {"identityProof": token()}})
    assert status == 200
    status, _, _ = await edge.post("/v1/identify", {"userId": USER, "context": {"identityProof": token()}})
    assert status == 200
    told = [(event.trust, warnings_of(event)) for event in await edge.events()]
    assert told == [
        (Trust.PUBLIC, ("proof_rejected:user_mismatch",)),
        (Trust.PUBLIC, ("proof_rejected:device_mismatch",)),
    ]


async def test_a_blocked_user_cannot_be_proven(edge: RunningEdge) -> None:
    event = await stored(edge, token(sub="guest"), user="guest")
    assert (event.trust, event.user_id) == (Trust.PUBLIC, None)
    assert warnings_of(event) == ("proof_rejected:user_mismatch",)


async def test_each_source_has_its_own_secret(edge: RunningEdge) -> None:
    origin = {"Origin": LISTED.origins[0]}
    body = {"userId": USER, "anonymousId": DEVICE, "context": {"identityProof": token(secret=LISTED.identity_secret)}}
    status, _, _ = await edge.post("/v1/identify", body, "wk_listed", origin)
    assert status == 200
    assert (await edge.events())[-1].trust == Trust.PROVEN


async def test_signed_contacts_that_only_servers_may_carry_or_nobody_are_left_out(edge: RunningEdge) -> None:
    event = await stored(edge, token(email="null", phone=" "))
    assert (event.trust, event.contacts) == (Trust.PROVEN, ())
