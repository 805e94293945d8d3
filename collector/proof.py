"""Proofs of who is logged in, signed by the site: checking and making them (docs/identity.md, rule 4). Pure.

A proof is a JWT (RFC 7519), HS256 with the source's `identity_secret`: `sub` is the event's user_id, `anon` its
anonymous_id, `exp` at most seven days ahead, optionally `email` and `phone`. It is checked against the time of arrival,
so PyJWT may not look at the clock itself.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

MAX_LIFE_S = 7 * 24 * 3600
LEEWAY_S = 60
MAX_PROOF_CHARS = 4096
MIN_SECRET_CHARS = 32
"""RFC 7518, section 3.2: a key of HS256 has at least 256 bits."""

_WITHOUT_CLOCK: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


class Verdict(NamedTuple):
    """What a proof is worth: the contacts it signed, or why it failed."""

    contacts: Mapping[str, str]
    failure: str | None = None
    """`malformed`, `signature`, `expired`, `lifetime`, `not_yet_valid`, `user_mismatch` or `device_mismatch`."""


def sign(
    secret: str,
    user_id: str,
    anonymous_id: str,
    email: str | None = None,
    phone: str | None = None,
    *,
    ttl_s: int = 3600,
    now_s: float,
) -> str:
    """The proof that `user_id` is logged in on the device `anonymous_id`, for the page to send along. docs/proofs.md.

    Sign an `email` and a `phone` only when they were verified to be this user's. `now_s` is seconds since 1970
    (`time.time()`). Raises ValueError for what the edge would never accept.
    """
    if len(secret) < MIN_SECRET_CHARS:
        raise ValueError(f"an identity secret has at least {MIN_SECRET_CHARS} characters")
    if not user_id or not anonymous_id:
        raise ValueError("a proof needs a user_id and an anonymous_id")
    if not 0 < ttl_s <= MAX_LIFE_S:
        raise ValueError(f"a proof may live from 1 to {MAX_LIFE_S} seconds")
    import jwt

    contacts = {name: value for name, value in (("email", email), ("phone", phone)) if value}
    claims = {"sub": user_id, "anon": anonymous_id, "exp": int(now_s) + ttl_s, **contacts}
    token = jwt.encode(claims, secret, algorithm="HS256")
    if len(token) > MAX_PROOF_CHARS:
        raise ValueError(f"a proof may have {MAX_PROOF_CHARS} characters")
    return token


def check_proof(token: Any, secret: str, user_id: str | None, anonymous_id: str | None, received_at_ms: int) -> Verdict:
    """Check a proof against the event that carries it. Never raises: a failed proof only makes its event public."""
    if not isinstance(token, str) or len(token) > MAX_PROOF_CHARS:
        return Verdict({}, "malformed")
    claims = _read(token, secret)
    if isinstance(claims, str):
        return Verdict({}, claims)
    failure = _time_failure(claims, received_at_ms / 1000)
    if failure is None and (user_id is None or claims.get("sub") != user_id):
        failure = "user_mismatch"
    if failure is None and (anonymous_id is None or claims.get("anon") != anonymous_id):
        failure = "device_mismatch"
    if failure is not None:
        return Verdict({}, failure)
    return Verdict({name: claims[name] for name in ("email", "phone") if isinstance(claims.get(name), str)})


@lru_cache(maxsize=4096)
def _read(token: str, secret: str) -> dict[str, Any] | str:
    """A token's claims, or why they cannot be had. Depends on nothing but its arguments, hence remembered."""
    import jwt  # large, with the cryptography it finds; a site that signs nothing never loads it

    try:
        return dict(jwt.decode(token, secret, algorithms=["HS256"], options=_WITHOUT_CLOCK))
    except jwt.InvalidSignatureError:
        return "signature"
    except (jwt.PyJWTError, ValueError, RecursionError):  # ValueError: JSON that PyJWT lets through to its users
        return "malformed"


def _time_failure(claims: Mapping[str, Any], now_s: float) -> str | None:
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires) or not _is_number(begins):
        return "malformed"
    if not now_s < expires + LEEWAY_S:
        return "expired"
    if expires > now_s + MAX_LIFE_S + LEEWAY_S:
        return "lifetime"
    return "not_yet_valid" if begins > now_s + LEEWAY_S else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
