"""Who may read: whoever holds the API key. It is a server's secret, so nothing here lets a web page use it."""

import base64
import hmac
from collections.abc import Mapping

from sessionizer.api.problems import Problem, ProblemReason

CHALLENGE = 'Bearer realm="ariane", Basic realm="ariane", charset="UTF-8"'


def require_key(headers: Mapping[str, str], key: str) -> None:
    """Return for `Authorization: Bearer KEY`, or Basic with the key as user. Raises Problem (401)."""
    presented = _presented_key(headers.get("Authorization", ""))
    if not key or not hmac.compare_digest(presented.encode(errors="surrogateescape"), key.encode()):
        raise Problem(
            ProblemReason.UNKNOWN_KEY,
            401,
            "Send the API key as `Authorization: Bearer KEY`, or as the user of HTTP Basic.",
            headers={"WWW-Authenticate": CHALLENGE},
        )


def require_same_site(headers: Mapping[str, str]) -> None:
    """Refuse a write by another site's page, with a key the browser remembers from Basic. Raises Problem (403)."""
    site = headers.get("Sec-Fetch-Site")
    if site is None:  # an old browser, or plain HTTP, where the header is not sent: compare hosts
        origin = headers.get("Origin")
        same = origin is None or origin.partition("://")[2] == headers.get("Host")
    else:
        same = site in ("same-origin", "none")
    if not same:
        raise Problem(ProblemReason.CROSS_SITE, 403, "Another site's page may not write here.")


def _presented_key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer":
        return credentials
    if scheme.lower() == "basic":
        try:
            user, _, _password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:  # no base64, no ASCII, no UTF-8
            return ""
        return user
    return ""
