"""Which identifiers an event carries, normalised, and which of them are none (docs/identity.md, rule 2). Pure."""

import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from collector.event import Contact

BLOCKED = frozenset(
    [
        "", "null", "undefined", "none", "nan", "anonymous", "guest", "0", "-1", "[object object]", "true", "false",
        "00000000-0000-0000-0000-000000000000",
    ]
)  # fmt: skip
"""Values that are no identifiers anywhere: what broken templates and careless code send instead of one."""

NOT_CONTACTS = frozenset(["user_id", "anonymous_id", "profile_id"])
"""External id types that are no contacts: they have their own fields, or are ours to give."""

_AROUND = string.whitespace + "\"'`\u00a0\u200b\u2018\u2019\u201c\u201d\ufeff"
_STRENGTH = {"email": "0", "phone": "1"}


@lru_cache(maxsize=256)
def blocklist(extra: tuple[str, ...]) -> frozenset[str]:
    """The built-in blocked values and a source's own."""
    return BLOCKED | {_bare(each) for each in extra}


def is_blocked(value: str, blocked: frozenset[str]) -> bool:
    """Whether a value is no identifier: quoted or not, in any case."""
    return _bare(value) in blocked


def _bare(value: str) -> str:
    return value.strip(_AROUND).casefold()


def normalise_email(text: str) -> str:
    """Trimmed and lower-cased; nothing cleverer, since dots and tags matter to some mail servers."""
    return text.strip().lower()


@lru_cache(maxsize=8192)
def normalise_phone(text: str, region: str | None) -> str:
    """E.164 (`+33612345678`); for what is no possible number, its digits and leading plus, as written.

    `region` is the country of numbers written without one.
    """
    import phonenumbers  # large; a collector that sees no phones never loads it

    try:
        number = phonenumbers.parse(text, region)
        if phonenumbers.is_possible_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        pass  # the fallback below is the documented answer
    digits = "".join(str(int(each)) for each in text if each.isdecimal())
    return f"+{digits}" if digits and text.lstrip().startswith("+") else digits


def normalise(contact_type: str, value: str, phone_region: str | None) -> str:
    """A contact's value as it is compared and stored."""
    if contact_type == "email":
        return normalise_email(value)
    if contact_type == "phone":
        return normalise_phone(value, phone_region)
    return value


class Found(NamedTuple):
    """The contacts of an event and what was left out on the way."""

    contacts: tuple[Contact, ...]
    warnings: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says about contacts."""

    blocked: frozenset[str]
    phone_region: str | None
    forbidden: frozenset[str]
    """Types this sender may not carry."""
    max_chars: int


class IdTooLong(ValueError):
    """A contact is longer than identifiers may be; its text names the field."""


_NONE = Found(())


def find_contacts(
    traits: Mapping[str, Any], context: Mapping[str, Any], signed: Mapping[str, str], rules: Rules
) -> Found:
    """The contacts of an event: at most one a type, strongest first.

    A signed one wins, then `traits` (pass {} unless the event is an identify), then `context.traits`, then the first of
    its type in `context.externalIds`; the first that is an identifier counts. Raises IdTooLong.
    """
    context_traits = context.get("traits")
    external = context.get("externalIds")
    if not (context_traits or external or traits or signed):
        return _NONE
    search = _Search(rules)
    for contact_type, value in signed.items():
        search.offer(contact_type, value, "identityProof", signed=True)
    search.offer_traits(traits, "traits")
    if isinstance(context_traits, dict):
        search.offer_traits(context_traits, "context.traits")
    if external is not None:
        search.offer_external(external)
    return search.result()


class _Search:
    """Collects the first usable value of each type."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._found: dict[str, Contact] = {}
        self._warnings: list[str] = []

    def offer_traits(self, traits: Mapping[str, Any], where: str) -> None:
        for name in ("email", "phone"):
            value = traits.get(name)
            if value is not None:
                self.offer(name, value, f"{where}.{name}")

    def offer_external(self, entries: Any) -> None:
        if not isinstance(entries, list):
            self._warn("external_ids_ignored")
            return
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("type"), str) or not entry["type"].strip():
                self._warn("external_ids_ignored")
            elif (kind := entry["type"].strip()) in NOT_CONTACTS or ":" in kind:
                self._warn(f"contact_not_allowed:{kind}")
            elif entry.get("id") is not None:
                self.offer(kind, entry["id"], "context.externalIds")

    def offer(self, contact_type: str, value: Any, where: str, *, signed: bool = False) -> None:
        rules = self._rules
        if contact_type in self._found:
            return
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self._warn(f"contact_ignored:{contact_type[:40]}")
            return
        if len(value) > rules.max_chars or len(contact_type) > rules.max_chars:
            raise IdTooLong(where)
        if contact_type in rules.forbidden:
            self._warn(f"contact_not_allowed:{contact_type}")
            return
        value = normalise(contact_type, value, rules.phone_region)
        if is_blocked(value, rules.blocked):
            self._warn(f"identifier_blocked:{contact_type}")
            return
        self._found[contact_type] = Contact(type=contact_type, value=value, signed=signed)

    def _warn(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.append(warning)

    def result(self) -> Found:
        return Found(tuple(sorted(self._found.values(), key=_by_strength)), tuple(self._warnings))


def _by_strength(contact: Contact) -> tuple[str, str]:
    return _STRENGTH.get(contact.type, "2"), contact.type
