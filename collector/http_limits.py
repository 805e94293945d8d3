"""How much of a body we are willing to hold: inflating with a cap, and what the headers give away before reading."""

import zlib

from collector.rejection import Reason, Refused

MAX_GZIP_MEMBERS = 100
"""zlib copies what follows a member: 500 KB of empty ones would cost a second. SDKs send one, bgzip one every 64 KB."""
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def refuse_by_headers(content_encoding: str, content_length: int | None, max_body_bytes: int) -> None:
    """Refuse what no reading can make acceptable. Raises Refused (413, 415)."""
    if content_encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Refused(
            Reason.UNSUPPORTED_ENCODING,
            415,
            f"Content-Encoding {content_encoding[:40]!r} is not supported; send gzip or none",
        )
    if content_length is not None and content_length > max_body_bytes:
        raise body_too_large(max_body_bytes)


def body_too_large(max_body_bytes: int) -> Refused:
    """The refusal of a body over the limit, as sent or inflated."""
    return Refused(Reason.BODY_TOO_LARGE, 413, f"a request may have at most {max_body_bytes} bytes, after inflating")


def inflate(body: bytes, content_encoding: str, max_body_bytes: int) -> bytes:
    """The body without its gzip, whether the header admits it or not: some SDKs gzip and say nothing.

    Never inflates more than `max_body_bytes` + 1 bytes. Raises Refused (400 broken gzip, 413 too large).
    """
    if not body.startswith(GZIP_MAGIC):
        if content_encoding in ("gzip", "x-gzip") and body:
            raise Refused(Reason.UNREADABLE, 400, "the body is not gzip, though Content-Encoding says so")
        return body
    inflated = bytearray()
    members = 0
    while body:  # gzip allows members one after the other (RFC 1952, section 2.2)
        members += 1
        if members > MAX_GZIP_MEMBERS:
            raise Refused(Reason.UNREADABLE, 400, f"the gzip body has more than {MAX_GZIP_MEMBERS} members")
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            inflated += inflater.decompress(body, max_body_bytes + 1 - len(inflated))
        except zlib.error as error:
            raise Refused(Reason.UNREADABLE, 400, "the body is broken gzip") from error
        if len(inflated) > max_body_bytes:
            raise body_too_large(max_body_bytes)
        if not inflater.eof:
            raise Refused(Reason.UNREADABLE, 400, "the gzip body ends too early")
        body = inflater.unused_data.lstrip(b"\0")
    return bytes(inflated)
