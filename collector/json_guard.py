"""What must be known about JSON bytes before a decoder may see them: how deep they are, and what no store can hold.

What must live here: linear, non-recursive looks at untrusted bytes. What must not: any idea of what the JSON means.
msgspec's decoder recurses; deep input raises RecursionError, and overflows the C stack of threads with small ones.
"""

import re

_BRACKETS_ONLY = bytes.maketrans(b"[]", b"{}")
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_SMALL_BYTES = 4096
"""A larger body has more brackets than that anyway, and counting them takes as long as all the rest."""
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile(
    rb"\\\\|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def depth_exceeds(body: bytes, limit: int) -> bool:
    """Whether objects and arrays nest deeper than `limit`. Linear in the body for a given limit, never recursive.

    All but brackets and quotes is deleted, then what is quoted, then `{}` pairs layer by layer from the inside: as
    many layers as the nesting is deep. Unbalanced brackets count as deep as they open.
    """
    if len(body) <= _SMALL_BYTES and body.count(b"{") + body.count(b"[") <= limit:
        return False
    if b"\\" in body:
        body = _ESCAPE.sub(b"", body)
    skeleton = body.translate(_BRACKETS_ONLY, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in skeleton:
        skeleton = b"".join(skeleton.split(b'"')[::2])
    for _ in range(limit):
        if not skeleton:
            return False
        skeleton = skeleton.replace(b"{}", b"")
    return skeleton.count(b"{") > 0


def prune(body: bytes, keep_depth: int) -> bytes:
    """The same JSON with whatever lies deeper than `keep_depth` replaced by `null`: as deep as that, and safe."""
    pieces: list[bytes] = []
    depth = kept = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth == keep_depth + 1:
                pieces.append(body[kept : token.start()] + b"null")
        elif first in b"]}":
            if depth == keep_depth + 1:
                kept = token.end()
            depth -= 1
    if depth <= keep_depth:
        pieces.append(body[kept:])
    return b"".join(pieces)


def has_nul(body: bytes) -> bool:
    r"""Whether a string in it holds U+0000, which text columns elsewhere refuse. (As a raw byte it is no JSON.)"""
    return b"\\u0000" in body and _NUL.search(body) is not None


def replace_lone_surrogates(body: bytes) -> bytes:
    r"""The same JSON with halves of surrogate pairs (`\ud83d` alone) replaced by U+FFFD.

    JavaScript that cuts a string in the middle of an emoji sends them, and no UTF-8 can hold them.
    """
    return _SURROGATE.sub(lambda match: b"\\ufffd" if match.group(2) else match.group(0), body)
