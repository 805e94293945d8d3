"""The shop's customers and their passwords."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field

from sessionizer.demo.visits import Order

MIN_PASSWORD_CHARACTERS = 8
MAX_PASSWORD_CHARACTERS = 200
MAX_ACCOUNTS = 10_000
DEMO_EMAIL = "jane@example.com"
DEMO_PASSWORD = "follow-the-thread"  # noqa: S105  shown on the login page, opens nothing but the demo
_NAMESPACE = uuid.UUID("6b1e2f0c-9d4b-5c39-8b61-0a6a4d5c7e11")
# scrypt at n = 2**14, r = 8, p = 5: one of the equivalent minimum settings of OWASP's Password Storage Cheat Sheet.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 5


@dataclass(frozen=True)
class Account:
    """One customer. `user_id` is what the shop tells the collector."""

    user_id: str
    email: str
    name: str
    salt: bytes
    password_hash: bytes
    orders: list[Order] = field(default_factory=list)


class EmailTaken(Exception):
    """Somebody has an account with this address: tell them to log in."""


class AccountsFull(Exception):
    """The demo keeps no more accounts: answer 503."""


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=64 * 2**20)


class Accounts:
    """All customers. `register` and `check` take some 100 ms of one core by design: call them in a thread."""

    def __init__(self) -> None:
        self._by_email: dict[str, Account] = {}
        self._by_user: dict[str, Account] = {}
        self.register(DEMO_EMAIL, "Jane Ariadne", DEMO_PASSWORD, user_id="jane")

    def register(self, email: str, name: str, password: str, user_id: str | None = None) -> Account:
        """Open an account. Raises EmailTaken and AccountsFull.

        The user id follows from the address, so that a customer who signs up again after the demo was restarted is the
        same one to the collector, whose data outlives this process.
        """
        address = email.strip().lower()
        salt = secrets.token_bytes(16)
        account = Account(
            user_id=user_id or f"customer-{uuid.uuid5(_NAMESPACE, address).hex[:12]}",
            email=address,
            name=name,
            salt=salt,
            password_hash=_hash(password, salt),
        )
        if len(self._by_email) >= MAX_ACCOUNTS:
            raise AccountsFull
        if self._by_email.setdefault(address, account) is not account:
            raise EmailTaken(address)
        self._by_user[account.user_id] = account
        return account

    def check(self, email: str, password: str) -> Account | None:
        """The account this address and password open, or None; takes as long for an unknown address."""
        account = self._by_email.get(email.strip().lower())
        salt = account.salt if account else bytes(16)
        given = _hash(password, salt)
        return account if account and hmac.compare_digest(given, account.password_hash) else None

    def of(self, user_id: str | None) -> Account | None:
        """The account of a logged-in user, or None."""
        return self._by_user.get(user_id) if user_id else None
