"""Sessions: runs of one slice's events without a silence of more than half an hour (docs/identity.md, rules 12 and 13).

Pure. Nothing but silence and a slice's end ends a session: no midnight, no campaign, no login, no second tab (Google
Analytics 4 has the same gap and no midnight split either).
"""

from collector.runtime.clock import to_text
from sessionizer import commerce, uuids, views
from sessionizer.evidence import Happening
from sessionizer.state import Key, Said, Session, Touch, View

GAP_S = 1800
GAP_MS = GAP_S * 1000
ENGAGED_MS = 10_000
"""Visible time that makes a session engaged: GA4's ten seconds."""
ENGAGED_VIEWS = 2

SESSION_IDS = uuids.space("ariane:session")
DIRECT = "direct"
NO_CHANNEL = ("internal", "payment", None)
"""Channels that are none: the site itself, and the way back from a payment or login page."""
VIEWS = ("page", "screen")


def session_uuid(device: str, first_message_id: str) -> bytes:
    """UUIDv5 of the device and the session's first message, 16 bytes: the same on every machine (rule 13)."""
    return uuids.uuid5(SESSION_IDS, f"{len(device)}:{device}{first_message_id}".encode())


def session_id(device: str, first_message_id: str) -> str:
    """The same as text."""
    return uuids.as_text(session_uuid(device, first_message_id))


def near(earlier: Key, later: Key) -> bool:
    """Whether two neighbouring events of a slice are of one session."""
    return later[0] - earlier[0] <= GAP_MS


def add(session: Session, happening: Happening, engaged_ms: int, purchase: commerce.Properties | None) -> None:
    """Add one event of the session, in place; events may be added in any order."""
    key = happening.key
    event = happening.event
    derived = event.derived
    if key < session.first:
        session.first = key
    if key > session.last:
        session.last = key
    session.events += 1
    session.engaged_ms += engaged_ms
    if event.type in VIEWS:
        session.page_views += 1
        view = view_of(happening)
        session.first_view = earlier(session.first_view, view)
        session.last_view = later(session.last_view, view)
    if purchase is not None:
        commerce.add_purchase(session.purchases, happening, purchase)
    if session.country is None or key < session.country[0]:
        session.country = first_said(session.country, key, derived.country)
    if session.browser is None or key < session.browser[0]:
        session.browser = first_said(session.browser, key, derived.browser)
    if session.os is None or key < session.os[0]:
        session.os = first_said(session.os, key, derived.os)
    if session.device_type is None or key < session.device_type[0]:
        session.device_type = first_said(session.device_type, key, derived.device_type)


def join(session: Session, other: Session) -> None:
    """Make one session of two of a slice, in place."""
    session.first = min(session.first, other.first)
    session.last = max(session.last, other.last)
    session.events += other.events
    session.page_views += other.page_views
    session.engaged_ms += other.engaged_ms
    session.first_view = earlier(session.first_view, other.first_view)
    session.last_view = later(session.last_view, other.last_view)
    session.purchases = commerce.merge_purchases([(None, session.purchases), (None, other.purchases)])
    for name in ("country", "browser", "os", "device_type"):
        theirs: Said | None = getattr(other, name)
        if theirs is not None:
            setattr(session, name, first_said(getattr(session, name), *theirs))


def view_of(happening: Happening) -> View:
    """A page or screen event as the view it is."""
    derived = happening.event.derived
    page = derived.page_url or derived.page_path or happening.event.name
    if derived.channel in NO_CHANNEL:
        return View(key=happening.key, page=page)
    return View(
        key=happening.key,
        page=page,
        channel=derived.channel or DIRECT,
        source=derived.channel_source,
        medium=derived.medium,
        campaign=derived.campaign,
        referrer=derived.referrer,
    )


def earlier(one: View | None, other: View | None) -> View | None:
    if one is None or other is None:
        return one or other
    return other if other.key < one.key else one


def later(one: View | None, other: View | None) -> View | None:
    if one is None or other is None:
        return one or other
    return other if other.key > one.key else one


def first_said(so_far: Said | None, key: Key, value: str | None) -> Said | None:
    """The earlier of what was said and one more saying."""
    if value is None or (so_far is not None and so_far[0] <= key):
        return so_far
    return (key, value)


def last_said(so_far: Said | None, key: Key, value: str | None) -> Said | None:
    """The later of what was said and one more saying."""
    if value is None or (so_far is not None and so_far[0] > key):
        return so_far
    return (key, value)


def touch_of(session: Session) -> Touch | None:
    """Where a session came from; None while it has no page."""
    return None if session.first_view is None else Touch(at=session.first, view=session.first_view)


def engaged(session: Session) -> bool:
    """Ten visible seconds, two views, or an order (rule 13)."""
    return (
        session.engaged_ms >= ENGAGED_MS
        or session.page_views >= ENGAGED_VIEWS
        or commerce.count_orders(session.purchases) > 0
    )


def show(session: Session, device: str) -> views.Session:
    """A session as readers see it."""
    view = session.first_view or View(key=session.first)
    return views.Session(
        session_id=session_id(device, session.first[1]),
        anonymous_id=device,
        started_at=to_text(session.first[0]),
        ended_at=to_text(session.last[0]),
        events=session.events,
        page_views=session.page_views,
        engaged_ms=session.engaged_ms,
        engaged=engaged(session),
        entry_page=view.page,
        exit_page=session.last_view.page if session.last_view is not None else None,
        referrer=view.referrer,
        channel=view.channel,
        source=view.source,
        medium=view.medium,
        campaign=view.campaign,
        country=session.country[1] if session.country is not None else None,
        browser=session.browser[1] if session.browser is not None else None,
        os=session.os[1] if session.os is not None else None,
        device_type=session.device_type[1] if session.device_type is not None else None,
        orders=commerce.count_orders(session.purchases),
        revenue=commerce.revenue(session.purchases),
    )


def show_touch(touch: Touch) -> views.Touch:
    """The touch a session was (rule 14)."""
    view = touch.view
    return views.Touch(
        channel=view.channel,
        source=view.source,
        medium=view.medium,
        campaign=view.campaign,
        referrer=view.referrer,
        landing_page=view.page,
        at=to_text(touch.at[0]),
    )
