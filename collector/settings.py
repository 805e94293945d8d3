"""What the edge can be told: every limit and deadline, with its unit in its name and a sentence."""

import msgspec


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The edge's settings. Sizes are counted after inflating, unless they say otherwise."""

    max_event_bytes: int = 32 * 1024
    """Largest event; a larger one is rejected alone. Segment's HTTP API has the same limit."""
    max_body_bytes: int = 500 * 1024
    """Largest request body, as sent and after inflating; a larger one is refused whole. Segment has the same limit."""
    max_batch_events: int = 2500
    """Most events in one request. Segment has the same limit."""
    max_depth: int = 12
    """Deepest nesting of objects and arrays in one event, the event itself being 1."""
    max_id_chars: int = 255
    """Longest identifier of any kind, and longest event type."""
    max_future_s: int = 24 * 3600
    """An event that claims to be further ahead than this gets its time of arrival instead."""
    min_clock_skew_s: int = 60
    """A sender's clock is corrected only when it is off by at least this much, so that retries keep their time."""
    read_deadline_s: float = 10.0
    """A request that is not complete this long after its first byte is closed."""
    keepalive_s: float = 75.0
    """An idle connection is closed after this long; longer than the 60 s that common reverse proxies keep theirs."""
    stall_s: float = 60.0
    """A connection whose other side takes nothing of an answer for this long is cut."""
    max_connections: int = 10_000
    """Open connections; above it idle ones are closed to make room, else new ones told to come back (503)."""
    max_open_requests: int = 1000
    """Requests that wait for the log at once; above it senders are told to come back (503 with Retry-After)."""
    max_open_reads: int = 1000
    """Reads being answered at once, waits for a position included; above it readers are told to come back (503)."""
    max_held_bytes: int = 64 * 1024 * 1024
    """Bytes of bodies in hand, over all requests; above it the one arriving longest makes room, else the same (503)."""
    max_requests_per_s: float = 0.0
    """Requests a second from one address, over ten seconds, server keys aside (429 with Retry-After); 0: no limit."""
    max_key_requests_per_s: float = 0.0
    """Requests a second with one source's write key, from everywhere, over ten seconds (429 too); 0: no limit."""
    max_reads_per_s: float = 0.0
    """Reads a second from one address, over ten seconds (429 too); 0: no limit."""
    retry_after_s: int = 2
    """What Retry-After says when the log cannot take events, or too much is going on at once."""
    cookie_max_age_s: int = 390 * 24 * 3600
    """Life of the device cookie: below Chrome's cap of 400 days, about the 13 months the CNIL allows."""
    tracker_max_age_s: int = 3600
    """How long browsers may keep the tracker script before asking again."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For`, `-Proto` and `-Host` are believed."""
    max_live_backlog: int = 1000
    """Outcomes a slow reader of the live tail may fall behind before it misses some."""
