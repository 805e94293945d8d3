"""What a request asks for: `{who}`, pages, order, positions. Unknown query parameters are ignored."""

from aiohttp import web

from collector.runtime import clock
from sessionizer.api.problems import Problem, ProblemReason
from sessionizer.reading import Who

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_POSITION = 2**63 - 1


def who(request: web.Request) -> Who:
    """The person the path names, `type:value`; a value may hold colons, and slashes as `%2F`. Raises Problem (400)."""
    found = read_who(request.match_info["who"])
    if found is None:
        raise Problem(
            ProblemReason.INVALID_WHO, 400, "Name a person as type:value, such as user_id:42 or email:ada@example.com."
        )
    return found


def read_who(text: str) -> Who | None:
    """The person a text names, `type:value`; None when it names none."""
    type_, _, value = text.partition(":")
    value = _normalised(type_, value)
    return Who(type_, value) if type_ and value else None


def limit(request: web.Request, default: int = DEFAULT_LIMIT) -> int:
    """Rows a page, from 1 to MAX_LIMIT. Raises Problem (400)."""
    text = request.query.get("limit")
    if text is None:
        return default
    number = _whole_number(text)
    if number is None or not 1 <= number <= MAX_LIMIT:
        raise Problem(ProblemReason.INVALID_LIMIT, 400, f"limit is a whole number from 1 to {MAX_LIMIT}.")
    return number


def seconds(request: web.Request, name: str, most: int) -> int:
    """A whole number of seconds, 0 when left out. Raises Problem (400)."""
    number = _whole_number(request.query.get(name, "0"))
    if number is None or number > most:
        raise Problem(ProblemReason.INVALID_WAIT, 400, f"{name} is a whole number of seconds, up to {most}.")
    return number


def newest_first(request: web.Request, name: str = "order") -> bool:
    """Whether the parameter says `desc`, as it does when left out. Raises Problem (400)."""
    match request.query.get(name, "desc"):
        case "desc":
            return True
        case "asc":
            return False
        case _:
            raise Problem(ProblemReason.INVALID_ORDER, 400, f"{name} is asc (oldest first) or desc (newest first).")


def cursor(request: web.Request, name: str = "cursor") -> str | None:
    """The page to go on from, as an earlier answer gave it; empty means the first."""
    return request.query.get(name) or None


def names(request: web.Request, name: str) -> tuple[str, ...]:
    """A list separated by commas, in one parameter or several; empty when it is left out."""
    return tuple(part for text in request.query.getall(name, []) for each in text.split(",") if (part := each.strip()))


def after_position(request: web.Request) -> int | None:
    """The log position this read must include (header `After-Position`). Raises Problem (400)."""
    text = request.headers.get("After-Position")
    if text is None:
        return None
    position = _whole_number(text.strip())
    if position is None or position > MAX_POSITION:
        raise Problem(ProblemReason.INVALID_POSITION, 400, "After-Position is the Log-Position of an earlier answer.")
    return position


def as_of(request: web.Request) -> int | None:
    """The moment to answer about, in ms; None for now. Raises Problem (400)."""
    text = request.query.get("as_of")
    if text is None:
        return None
    try:
        moment_ms = clock.from_text(text)
        clock.to_text(moment_ms)
    except ValueError as error:
        detail = "as_of is a time as in RFC 3339, such as 2026-03-02T08:00:00Z (write + as %2B), or a date (its start)."
        raise Problem(ProblemReason.INVALID_TIME, 400, detail) from error
    return moment_ms


def refuse_as_of(request: web.Request) -> None:
    """This read knows no past, and an answer about today would be wrong. Raises Problem (400)."""
    if "as_of" in request.query:
        detail = "as_of is for a profile, its timeline and its sessions; this is only known as it is now."
        raise Problem(ProblemReason.INVALID_TIME, 400, detail)


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _normalised(type_: str, value: str) -> str:
    """The value as it is kept: e-mails trimmed and lower-cased, phones as digits and leading plus, all else exact."""
    match type_:
        case "email":
            return value.strip().lower()
        case "phone":
            digits = "".join(str(int(each)) for each in value if each.isdecimal())
            return f"+{digits}" if digits and value.lstrip().startswith("+") else digits
        case _:
            return value
