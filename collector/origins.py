"""Where a browser's request comes from: the collector's own site, a listed one, or any other. Pure."""

from urllib.parse import urlsplit

from collector.raw import RawRequest
from collector.rejection import Reason, Refused
from collector.sources import Source


def own_origin(request: RawRequest) -> str:
    """The origin under which the visitor reached us."""
    return f"{'https' if request.secure else 'http'}://{request.host}".lower()


def is_browser(request: RawRequest) -> bool:
    """Whether a browser's script sent it: no other sender has these headers, and no script can leave them out."""
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def calling_origin(request: RawRequest) -> str | None:
    """The origin of the page behind a request, from `Origin`, else `Referer`; None when neither says."""
    origin = request.headers.get("origin")
    if origin:
        return origin.lower()
    referer = request.headers.get("referer")
    if not referer:
        return None
    try:
        parts = urlsplit(referer)
    except ValueError:
        return "null"
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_own_site(request: RawRequest) -> bool:
    """Whether the page behind a request shares the collector's site; true when nothing says otherwise.

    `Sec-Fetch-Site` knows (browsers have the public suffix list, we do not); without it only the same origin is sure.
    """
    site = request.headers.get("sec-fetch-site")
    if site:
        return site in ("same-origin", "same-site", "none")
    origin = calling_origin(request)
    return origin is None or origin == own_origin(request)


def is_listed(request: RawRequest, source: Source) -> bool:
    """Whether the page behind a request is one the source names."""
    return bool(source.origins) and calling_origin(request) in source.origins


def refuse_strangers(request: RawRequest, source: Source) -> None:
    """Refuse other sites' pages where the source has a list. Raises Refused (403)."""
    origin = request.headers.get("origin")
    if origin is None or not source.origins:
        return
    origin = origin.lower()
    if origin not in source.origins and origin != own_origin(request):
        raise Refused(
            Reason.ORIGIN_NOT_ALLOWED, 403, f"{origin[:100]!r} is not among the origins of source {source.name!r}"
        )
