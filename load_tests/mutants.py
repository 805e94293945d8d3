"""Break the mind's deciders on purpose, one small change at a time, and see whether anybody notices.

    python load_tests/mutants.py                                   # all of MODULES
    python load_tests/mutants.py late --function _touch --histories 2000

Every *mutant* is one change to one function (a comparison turned, an `and` made an `or`, a statement left out …). It
is put into a fork of a process that has already folded many histories: the worked cases, random ones, and long visits
that come late. A mutant is killed when any of them now gives other exports, answers or records, raises, or takes too
long (of processor time); what is left is listed. docs/testing.md explains the survivors.
"""

import argparse
import ast
import asyncio
import copy
import gc
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
from hypothesis import HealthCheck, given, settings

from collector.event import Event, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.runtime.clock import now_ms
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.folding import as_bytes, everything, few_are_many
from tests.histories import crowd, histories, visits_of
from tests.oracle import MOST, Most
from tests.sessionizer.test_late_events import STORIES
from tests.sessionizer.test_mending import always, long_stay
from tests.sessionizer.test_pipeline import kept_in
from tests.worked_cases import all_cases, events_of

MODULES = (
    "evidence",
    "guards",
    "slices",
    "late",
    "sessions",
    "owners",
    "stretches",
    "pieces",
    "recutting",
    "runs",
    "mending",
)
TOO_LONG_S = 20
FEW = (Most(1, 1, 1), Most(0, 2, 1), Most(2, 0, 2))
FEW_EVENTS = (2, 3, 5)


class Trial(NamedTuple):
    """A history, and how it is folded."""

    history: Sequence[Event]
    sizes: Sequence[int]
    """Of its batches."""
    most: Most = MOST
    """Rule 17's thresholds."""
    of_a_run: int | None = None
    """Mend visitors however few events they have, with runs of so many."""


class Seen(NamedTuple):
    """What the sound mind makes of it."""

    trial: Trial
    answers: bytes


class Mutant(NamedTuple):
    module: str
    function: str
    line: int
    change: str
    code: CodeType


# What the mind does with a history --------------------------------------------------------------------------------


async def _observe(history: Sequence[Event], sizes: Sequence[int]) -> bytes:
    log, store = MemoryLog(), MemoryStore()
    worker, rest = Worker(log, store, batch=7), list(history)
    for size in [*sizes, len(rest)]:
        batch, rest = rest[:size], rest[size:]
        await log.append([Record(event.anonymous_id or "", to_record(event)) for event in batch])
        await worker.catch_up()
    people = FoldedPeople(store, log)
    answers: list[Any] = [as_bytes(await everything(people)), dict(sorted(store.books.items()))]
    for who in sorted({who for event in history for who in _named(event)}):
        profile, identity = await people.profile(who), await people.identity(who)
        sessions = await people.sessions(who, limit=1000)
        answers.append((who, profile and profile.profile_id, identity, sessions))
    return msgspec.json.encode(answers) + repr(sorted((await kept_in(store)).items())).encode()


def _named(event: Event) -> Iterator[Who]:
    yield from (Who(contact.type, contact.value) for contact in event.contacts)
    if event.user_id is not None:
        yield Who("user_id", event.user_id)
    if event.anonymous_id is not None:
        yield Who("anonymous_id", event.anonymous_id)


def observe(trial: Trial) -> bytes:
    """All that can be seen of a history, and what is kept of its visitors."""
    with few_are_many(trial.most), nullcontext() if trial.of_a_run is None else always(trial.of_a_run):
        return asyncio.run(_observe(trial.history, trial.sizes))


def trials(histories_: int, seed: str) -> list[Seen]:
    """Stories, worked cases, random histories, visits and long stays, as the sound mind sees them.

    Of all but the stories, a third are on low thresholds, and half mended whatever they are.
    """
    chance = Random(seed)
    made = [
        Trial([*before, late], [1] * len(before), of_a_run=few)
        for before, late in STORIES.values()
        for few in (None, *FEW_EVENTS)
    ]
    found: list[tuple[Sequence[Event], Sequence[int]]] = []
    for case in all_cases():
        events = events_of(case)
        found += [(events, [1] * len(events)), (events, []), (events[::-1], [1] * len(events))]
    for history in _random_histories(histories_):
        found.append((history, [chance.randint(1, 4) for _ in range(6)]))
    for _ in range(4 * histories_):
        found.append((visits_of(chance, 14), [chance.choice((1, 1, 2, 3)) for _ in range(14)]))
    for _ in range(4):
        found.append((visits_of(chance, 400), [chance.choice((1, 5, 60)) for _ in range(20)]))
    for seed_ in range(4):
        found.append((crowd(Random(seed_), 20 + seed_ % 2, 3), [30, 1, 1, 1, 1, 5]))
    for _ in range(2 * histories_):
        stay, later = long_stay(chance)
        found.append(([*stay, *later], [len(stay), *(chance.randint(1, 2) for _ in later)]))
    made += [
        Trial(
            history,
            sizes,
            MOST if nth % 3 else chance.choice(FEW),
            None if nth % 2 else chance.choice(FEW_EVENTS),
        )
        for nth, (history, sizes) in enumerate(found)
    ]
    return [Seen(trial, observe(trial)) for trial in made]


def _random_histories(count: int) -> list[list[Event]]:
    found: list[list[Event]] = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(histories())
    def gather(history: list[Event]) -> None:
        found.append(history)

    gather()
    return found


# Making mutants ----------------------------------------------------------------------------------------------------

_TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_SWAPPED = {"min": "max", "max": "min", "bisect_left": "bisect_right", "bisect_right": "bisect_left", "any": "all"}


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that is done to one node of a function: nodes to put in its place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _TURNED:
            yield _with(node, ops=[_TURNED[type(op)]()])
        case ast.BoolOp(op=op, values=[first, *rest]):
            yield _with(node, op=_TURNED[type(op)]())
            yield rest[-1] if len(rest) == 1 else _with(node, values=rest)
            yield first if len(rest) == 1 else _with(node, values=[first, *rest[:-1]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _TURNED:
            yield _with(node, op=_TURNED[type(op)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value):
            yield ast.Constant(value + "~")
        case ast.Call(func=ast.Name(id=name)) if name in _SWAPPED:
            yield _with(node, func=ast.Name(_SWAPPED[name], ast.Load()))
        case ast.If(test=test) | ast.IfExp(test=test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield _with(node, value=ast.Constant(None))
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom)
    ):
        yield ast.Pass()


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def mutants_of(module: ModuleType) -> Iterator[Mutant]:
    """Every mutant of every function of a module."""
    source = inspect.getsource(module)
    name = module.__name__.rpartition(".")[2]
    count = sum(1 for _ in _sites(ast.parse(source)))
    for nth in range(count):
        tree = ast.parse(source)  # afresh: replacing changes it
        qualname, old, new = next(each for at, each in enumerate(_sites(tree)) if at == nth)
        line = getattr(old, "lineno", 0)
        change = f"{ast.unparse(old)}  →  {ast.unparse(ast.fix_missing_locations(new))}".replace("\n", " ")
        changed = ast.fix_missing_locations(_Replace(old, ast.copy_location(new, old)).visit(tree))
        code = _code_of(compile(changed, module.__file__ or name, "exec"), qualname)
        yield Mutant(name, qualname, line, change[:160], code)


def _sites(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    for owner in tree.body:
        functions = owner.body if isinstance(owner, ast.ClassDef) else [owner]
        prefix = f"{owner.name}." if isinstance(owner, ast.ClassDef) else ""
        for function in functions:
            if isinstance(function, ast.FunctionDef):
                said = ast.get_docstring(function) is not None
                for statement in function.body[said:]:
                    for node in _executed(statement):
                        for new in _changes(node):
                            yield f"{prefix}{function.name}", node, new


def _executed(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is in it, but for what Python never looks at: types of variables, and texts about them."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return
    yield statement
    for name, value in ast.iter_fields(statement):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and name != "annotation":
                yield from _executed(each)


def _code_of(code: CodeType, qualname: str) -> CodeType:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_qualname == qualname:
                return each
            if qualname.startswith(f"{each.co_qualname}."):
                return _code_of(each, qualname)
    raise LookupError(qualname)


def _function(module: ModuleType, qualname: str) -> FunctionType:
    found: Any = module
    for part in qualname.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "__wrapped__", found)
    assert isinstance(found, FunctionType)
    return found


def _forget(module: ModuleType) -> None:
    """Empty the caches of a module's functions: they hold what the sound ones said."""
    for each in vars(module).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


# Trying them -------------------------------------------------------------------------------------------------------


def survives(mutant: Mutant, tried: Sequence[Seen]) -> bool:
    """Whether nobody notices, in a fork of this process."""
    child = os.fork()
    if child == 0:
        sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end of the fork
        signal.setitimer(signal.ITIMER_PROF, TOO_LONG_S)
        module = importlib.import_module(f"sessionizer.{mutant.module}")
        _function(module, mutant.function).__code__ = mutant.code
        _forget(module)
        try:
            same = all(observe(trial) == answers for trial, answers in tried)
        except BaseException:
            same = False
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    return status == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--function", help="mutants of this one alone")
    parser.add_argument("--histories", type=int, default=150, help="random histories, and four times as many visits")
    parser.add_argument("--seed", default="mutants")
    given_ = parser.parse_args()
    began = now_ms()
    tried = trials(given_.histories, given_.seed)
    gc.collect()
    gc.freeze()  # forks share these pages
    print(f"{len(tried)} histories, seen in {(now_ms() - began) / 1000:.0f} s", flush=True)
    made = left = 0
    for name in given_.modules:
        for mutant in mutants_of(importlib.import_module(f"sessionizer.{name}")):
            if given_.function not in (None, mutant.function):
                continue
            made += 1
            if survives(mutant, tried):
                left += 1
                print(f"{name}.py:{mutant.line} {mutant.function}: {mutant.change}", flush=True)
        print(f"{name}: {made} mutants so far, {left} left, {(now_ms() - began) / 1000:.0f} s", flush=True)
    print(f"{made} mutants, {made - left} killed, {left} left, in {(now_ms() - began) / 1000:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
