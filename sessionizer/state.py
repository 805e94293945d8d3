"""What the mind remembers: one record a visitor, and the closed slices, sessions and event references beside it.

A *visitor* is a device (`anonymous_id`), or one event without a device. Its record holds what the next event needs: the
open slice, the open session and the newest references. Closed ones are rows of their own, so that an event costs the
same however many slices and sessions a device has had; a slice that stays open grows with its orders and traits.
Everything here is a pure function of the visitor's set of events and of what proofs and retractions take from them: no
clocks, no arrival order.

Encoded as MessagePack arrays: a field is only ever added at the end, with a default.
"""

from array import array
from struct import Struct

import msgspec

Key = tuple[int, str, str, bool]
"""An event's place in its visitor's order: (t in ms, message_id, source, sent with a server key)."""

Place = tuple[int, str, str, str, bool]
"""An event's place among all: its Key with the device in it, (t, message_id, anonymous_id or "", source, server)."""

Root = tuple[str, ...]
"""What names a profile: ("user", id), ("contact", type, value), ("device", anonymous_id, the slice's first message_id)
or ("event", source, "server" | "", message_id)."""

_pack = Struct("=q").pack

CHUNK = 32
"""How many references a record keeps before they spill into a row of their own."""
MAX_CHUNK = 256
"""How many a row has at most, where late events made it grow; then all are put into even ones again."""


class Packed(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """Base of everything stored."""


class Refs(Packed):
    """Where a run of a visitor's events lies in the log, in the visitor's order: three packed columns."""

    ids: bytes = b""
    """16 bytes an event: the hash of what makes two copies one event (rule 1)."""
    packed_times: bytes = b""
    """8 bytes an event: t in ms."""
    packed_positions: bytes = b""

    def __len__(self) -> int:
        return len(self.ids) // 16

    @property
    def times(self) -> "array[int]":
        return array("q", self.packed_times)

    @property
    def positions(self) -> "array[int]":
        return array("q", self.packed_positions)

    def put(self, at: int, id_: bytes, t: int, position: int) -> None:
        """Put a reference before the one that is at `at`."""
        self.ids = self.ids[: 16 * at] + id_ + self.ids[16 * at :]
        self.packed_times = self.packed_times[: 8 * at] + _pack(t) + self.packed_times[8 * at :]
        self.packed_positions = self.packed_positions[: 8 * at] + _pack(position) + self.packed_positions[8 * at :]


class Trait(Packed):
    value: bytes
    """JSON, as it was said."""
    key: Key


class Order(Packed):
    key: Key
    currency: str
    amount: str | None
    """Decimal text; None when the event names no amount."""


class Refund(Packed):
    order_id: str | None
    currency: str | None
    """As the event names it; None: the order's."""
    fallback: str
    """The currency when neither names one."""
    amount: str | None
    """Decimal text; None: the whole order."""


class Purchases(Packed):
    """Orders and refunds, mergeable in any order: an order id counts once, its latest event wins."""

    orders: dict[str, Order] = {}
    unnumbered: int = 0
    """Orders without an order id."""
    unnumbered_revenue: dict[str, str] = {}
    refunds: list[Refund] = []


class CartItem(Packed):
    product_id: str
    quantity: int
    price: str | None = None
    name: str | None = None


class CartChange(Packed):
    """One cart event: `add`, `remove`, `replace` or `empty`."""

    key: Key
    kind: str
    items: list[CartItem] = []
    currency: str | None = None
    """As the event names it."""
    fallback: str | None = None
    """Its source's, when it names none."""


class Seen(Packed):
    """The first and the last event that named an identifier."""

    first: Key
    last: Key


class Claim(Packed):
    """An identifier used without the proof it needs (rule 4): stored, shown, without effect."""

    type: str
    value: str
    key: Key


class Alias(Packed):
    """Two users joined by a server (rule 5)."""

    user_id: str
    previous_id: str
    key: Key


class View(Packed):
    """A page or screen, with where a visit that begins with it comes from."""

    key: Key
    page: str | None = None
    channel: str = "direct"
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    referrer: str | None = None


class Touch(Packed):
    """Where a session came from: its first page or screen, and when the session began."""

    at: Key
    view: View


Said = tuple[Key, str]
"""Something an event said, and which; the earliest or the latest of them counts, whatever came in when."""


class Slice(Packed):
    """A stretch of one device's events that belongs to one person (rules 6 and 7), or one event without a device.

    All its sums and choices are of the set of its events: they may be added in any order.
    """

    number: int
    """Names the slice within its visitor; says nothing about order."""
    first: Key
    last: Key
    label: str | None = None
    """The user named in it, believed or not: what cuts. Two parts cut by e-mail share their label."""
    user: str | None = None
    """The label, when at least one event may use it."""
    naming: Seen | None = None
    """When and by which message the user was named."""
    cut_by_email: bool = False
    """This part begins or ends at a change of e-mail, which a later login would take back."""
    ended: bool = False
    """By a reset: whatever comes next is another slice."""
    contacts: dict[str, dict[str, Seen]] = {}
    """type → value → when, for the contacts its events may use. Without a user there is at most one e-mail (rule 7)."""
    aliases: list[Alias] = []
    claims: list[Claim] = []
    """In order, like the aliases."""
    events: int = 0
    page_views: int = 0
    engaged_ms: int = 0
    sessions: int = 0
    traits: dict[str, Trait] = {}
    purchases: Purchases = msgspec.field(default_factory=Purchases)
    cart: list[CartChange] = []
    """In order, from the last change that forgets what was before it."""
    browser: Said | None = None
    os: Said | None = None
    device_type: Said | None = None
    country: Said | None = None
    first_touch: Touch | None = None
    """Of its first session; None while that has no page, which reads as direct."""
    last_touch: Touch | None = None
    """Of its latest session that is not direct."""


class Session(Packed):
    """A run of events in one slice without a silence of more than `gap_s` (rule 12). Added to in any order, too."""

    number: int
    """Names the session within its visitor; says nothing about order."""
    began_in: int
    """The number of the slice it began in, which may have been parted since: the one it is in has its events."""
    first: Key
    last: Key
    events: int = 0
    page_views: int = 0
    engaged_ms: int = 0
    first_view: View | None = None
    last_view: View | None = None
    country: Said | None = None
    browser: Said | None = None
    os: Said | None = None
    device_type: Said | None = None
    purchases: Purchases = msgspec.field(default_factory=Purchases)


class Run(Packed):
    """Neighbouring events of one long slice, summed up, so that it can be parted without reading them (`runs.py`)."""

    number: int
    """Names the run within its visitor; says nothing about order."""
    slice: Slice
    """What they are to the slice they are in, but for its sessions and touches."""
    session: Session
    """What they would be as one session."""


class Cut(Packed):
    """Where a device's slices stay apart although what stood between them was erased (rule 19)."""

    t: int
    """Before the first event at or after this time (ms) …"""
    after: bytes = b""
    """… but after the event with this id, where that one is at this very time."""


class Visitor(Packed):
    """What is kept of a visitor, ready for its next event."""

    device: str | None
    events: int = 0
    spilled: int = 0
    """How many chunks of references are rows of their own."""
    tail: Refs = msgspec.field(default_factory=Refs)
    slices: int = 0
    """How many slices and sessions were numbered so far; the next ones get these numbers."""
    sessions: int = 0
    slice: Slice | None = None
    """The open slice and session: the last ones."""
    session: Session | None = None
    received: str = ""
    """The latest `received_at` of its events: from then on, its past is its present."""
    cuts: list[Cut] = []
    """In order."""
    users: list[str] = []
    """The different users its events may use, sorted; none once there are too many (rule 17)."""
    shared: bool = False
    """There are too many."""
    runs: int = 0
    """How many runs were numbered so far."""
    run: Run | None = None
    """The one that grows, of the last events of the open slice."""


class LastSession(Packed):
    """A visitor's record, read as far as it tells of its last session: its fields in their places."""

    device: str | None
    events: int = 0
    spilled: int = 0
    tail: msgspec.Raw = msgspec.Raw()
    slices: int = 0
    sessions: int = 0
    slice: msgspec.Raw = msgspec.Raw()
    session: Session | None = None
    received: str = ""


class Before(msgspec.Struct, frozen=True):
    """How a visitor stood before it was added to, in place: as much as tells whether anything published changed."""

    session: int | None
    """The number of its open session, the first event of that, and how many it had."""
    first: Key | None
    events: int
    late: tuple[int, ...]
    """The times (ms) of what was added before its last event, and of the sessions that were folded again."""


class Carrying(msgspec.Struct, frozen=True):
    """The contacts a slice carries, as identifiers, and the user it is of (rule 8)."""

    user: str | None
    contacts: frozenset[str]


class VisitorChange(msgspec.Struct, kw_only=True):
    """What one batch did to one visitor: the new record, and the rows to keep beside it."""

    key: str
    record: Visitor
    before: Before | None = None
    """None for a new visitor, and for one folded again."""
    refolded: bool = False
    """The rows below are all there are: the old ones go."""
    chunks: dict[int, Refs] = {}
    slices: dict[int, Slice] = {}
    """By number, like the sessions: closed ones that are new or changed."""
    sessions: dict[int, Session] = {}
    runs: dict[int, Run] = {}
    """By number: complete ones that are new or changed."""
    dropped_runs: list[int] = []
    dropped_slices: list[int] = []
    """Slices that others took the place of."""
    dropped_sessions: list[int] = []
    """Sessions that became part of another, or that others took the place of."""
    index: dict[str, bool] = {}
    """identifier → proves; after a refold all of them, else those that may be new."""
    carrying: dict[int, Carrying] = {}
    """By slice number, open or closed; after a refold of all slices, else of those that carry something new."""
    roots: set[Root] = set()
    """Roots whose profile ids may have been handed out from now on."""
    spoken: set[str] = set()
    """Identifiers of contacts its events named again, in a slice that carried them already."""
    learned: bool = False
    """Its events told traits."""

    @property
    def renumbers(self) -> bool:
        """Whether slices are numbered anew, all or some: one of before and one of after are matched by their events."""
        return self.refolded or bool(self.dropped_slices)


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode_visitor = msgspec.msgpack.Decoder(Visitor).decode
decode_slice = msgspec.msgpack.Decoder(Slice).decode
decode_session = msgspec.msgpack.Decoder(Session).decode
decode_last_session = msgspec.msgpack.Decoder(LastSession).decode
decode_run = msgspec.msgpack.Decoder(Run).decode
decode_refs = msgspec.msgpack.Decoder(Refs).decode


def place(key: Key, device: str | None) -> Place:
    """Where an event of one visitor stands among everybody's."""
    t, message_id, source, server = key
    return (t, message_id, device or "", source, server)


def visitor_key(device: str | None, source: str, server: bool, message_id: str) -> str:
    """What names a visitor in the store: its device, or for an event without one what makes it unique (rule 1)."""
    return f"d{device}" if device is not None else f"e{'s' if server else 'w'}:{source}:{message_id}"


def identifier(kind: str, value: str) -> str:
    """An identifier as one text. The edge lets no colon into a contact's type."""
    return f"{kind}:{value}"
