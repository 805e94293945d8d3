"""A dry run, for people to read."""

from collections.abc import Iterable

from sessionizer.views import DryRun, Profile, ProfileChange, Totals

SHOWN = 20
"""Profiles told one by one."""


def as_text(answer: DryRun) -> str:
    """What would change, a few lines a profile."""
    if not answer.profiles_changed and not answer.sessions_changed:
        return "Nothing would change."
    changed = f"{answer.profiles_changed:,} profiles and {answer.sessions_changed:,} sessions would change"
    said = [f"{changed}, {answer.events_moved:,} events would move:"]
    for each in answer.profiles[:SHOWN]:
        said += ["", *_lines(each)]
    if answer.profiles_changed > SHOWN:
        said += ["", f"… and {answer.profiles_changed - SHOWN:,} more; --json shows them."]
    return "\n".join([*said, "", "Nothing was changed."])


def _lines(change: ProfileChange) -> Iterable[str]:
    profile = change.after or change.before
    if profile is None:
        return
    yield f"{_name(profile)}  (profile {change.profile_id})"
    if change.before is None:
        yield "  would be new"
    if change.after is None:
        yield "  would be gone"
    if change.events_gained or change.events_lost:
        yield f"  events     {change.events_gained:+,}, {-change.events_lost:,}"
    before, after = _facts(change.before), _facts(change.after)
    for what in before:
        if before[what] != after[what]:
            yield f"  {what:<10} {before[what] or '-'} → {after[what] or '-'}"


def _name(profile: Profile) -> str:
    strongest = next(iter(profile.identifiers), None)
    return f"{strongest.type}:{strongest.value}" if strongest is not None else "somebody without a name"


def _facts(profile: Profile | None) -> dict[str, str]:
    totals = (
        profile.totals
        if profile is not None
        else Totals(events=0, page_views=0, sessions=0, orders=0, revenue={}, engaged_ms=0)
    )
    return {
        "total": f"{totals.events:,} events",
        "sessions": f"{totals.sessions:,}",
        "orders": f"{totals.orders:,}",
        "revenue": ", ".join(f"{amount} {currency}" for currency, amount in totals.revenue.items()),
        "known by": ", ".join(f"{each.type}:{each.value}" for each in profile.identifiers) if profile else "",
        "traits": ", ".join(f"{name}={value}" for name, value in profile.traits.items()) if profile else "",
    }
