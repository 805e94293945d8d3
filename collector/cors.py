"""What a browser must be told so that a page of another origin may send to us and read the answer (Fetch standard).

The exact origin is echoed, since `*` forbids credentials. Requested headers are reflected: SDKs add headers on retries,
and a fixed list that passes the first request breaks those. Errors carry the same headers, or pages could not tell a
429 from a dead network.
"""

from collections.abc import Set

from collector.origins import own_origin
from collector.raw import RawRequest

_MAX_AGE_S = "86400"
_FORWARDED = ("x-forwarded-", "forwarded")
_METHODS = "GET, POST, OPTIONS"


def answer_headers(request: RawRequest, trusted: Set[str]) -> dict[str, str]:
    """Headers of an answer: credentials only for `trusted` origins (those listed) and our own."""
    origin = request.headers.get("origin")
    if origin is None:
        return {"Vary": "Origin"}
    headers = {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, Log-Position",
    }
    if origin.lower() in trusted or origin.lower() == own_origin(request):
        headers["Access-Control-Allow-Credentials"] = "true"
    return headers


def preflight_headers(request: RawRequest, trusted: Set[str]) -> dict[str, str]:
    """Headers of the answer to OPTIONS. A preflight names no key, so `trusted` is every origin any source lists."""
    headers = answer_headers(request, trusted)
    headers["Vary"] = "Origin, Access-Control-Request-Headers"
    headers["Access-Control-Allow-Methods"] = _METHODS
    headers["Access-Control-Max-Age"] = _MAX_AGE_S
    wanted = request.headers.get("access-control-request-headers")
    if wanted:  # but what proxies say about a request is not for pages to say
        allowed = [name for name in wanted.split(",") if not name.strip().lower().startswith(_FORWARDED)]
        headers["Access-Control-Allow-Headers"] = ",".join(allowed)
    return headers
