"""Arguments are checked when they are given, against the annotations of what they are given to."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache, wraps
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeGuard, TypeVar, Union

from pydantic import BaseModel, ValidationError

from hubspot_batch_dagster.api.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

SECRETS = frozenset(
    {"access_token", "client_secret", "refresh_token", "journal", "budget_url", "file_system", "connection"}
)
"""Arguments whose values never show."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function: an argument that is not what its annotation says is an `InputError` that
    names it.

    Elements are looked at where a list or a mapping is asked for, and not where any iterable will do: looking
    would use it up.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        what = function.__qualname__.removesuffix(".__init__").rpartition(".<locals>.")[2]
        given = signature.bind(*args, **kwargs).arguments
        if "self" in given and "." in what:  # a method of a base class is one of the class that users know
            what = f"{type(given['self']).__name__}.{function.__name__}"
        for name, hint in _hints(function).items():
            if name in given:
                check(what, name, given[name], hint)
        return function(*args, **kwargs)

    return call


def check_fields(value: Any) -> None:
    """Do the same for the fields of a dataclass; call it in `__post_init__`."""
    kind: Any = type(value)
    hints = _hints(kind)
    for each in fields(value):
        if each.name in hints:
            check(kind.__name__, each.name, getattr(value, each.name), hints[each.name])


def check(what: str, name: str, value: object, hint: Any) -> None:
    """Refuse a value that is not what the annotation says.

    Raises:
        InputError: It names the argument, and shows the value where that is short and no secret.
    """
    if fits(value, hint):
        return
    remedy = f"Correct {name}=."
    if isinstance(value, types.FunctionType):
        remedy = f"A decorator takes its arguments in parentheses: @{what}(...)."
    elif is_huge(value):
        remedy = f"Give {name}= a smaller number."
    elif any(typing.get_origin(each) is not Literal and fits([value], each) for each in _kinds(hint)):
        remedy = f"Give a list: {name}=[...]."
    raise InputError(f"{name} is {shown(name, value)}: {what} takes {spoken(hint)}.", remedy=remedy)


@contextmanager
def refusing(kind: type[BaseModel], values: Mapping[str, Any]) -> Iterator[None]:
    """Raise what pydantic refuses in this block, as an `InputError` without the values: they may be secrets.

    Args:
        kind: The model that is made in the block.
        values: What it is made from. Text that stands for a number will do, as it comes from YAML and the
            environment; what pydantic takes by chance (True as a number, bytes as text) is refused.
    """
    for name, value in values.items():
        odd = isinstance(value, bool | bytes) or is_huge(value) or (isinstance(value, str) and "\0" in value)
        if odd and name in kind.model_fields:
            check(kind.__name__, name, value, kind.model_fields[name].annotation)
        if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
            raise InputError(f"{name} has a key that is no text.", remedy=f"Correct {name}=.")
    try:
        yield
    except ValidationError as error:
        found = sentences(error)
    else:
        return
    raise InputError(f"{found.removesuffix('.')}.", remedy=f"Correct it: see the fields of {kind.__name__}.")


class CheckedModel:
    """A pydantic model that derives from this, before all others, says what it refuses as an `InputError`."""

    if not TYPE_CHECKING:  # a signature of its own would hide the fields from type checkers

        def __init__(self, **values: Any) -> None:
            with refusing(type(self), values):
                super().__init__(**values)


def sentences(error: ValidationError) -> str:
    """Return what pydantic found wrong, field by field, without the values that it found."""
    found = []
    for each in error.errors(include_input=False, include_url=False):
        message = str(each["msg"]).removeprefix("Value error, ")
        found.append(f"{each['loc'][0]}: {message}" if each["loc"] else message)
    return "; ".join(found)


def check_number(
    what: str,
    name: str,
    value: float | None,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> None:
    """Refuse a number that is out of its range; None is the caller's default and passes."""
    if value is None or (least <= value <= most and above < value < math.inf):
        return
    bounds = [f"above {above:g}"] if above > -math.inf else []
    bounds += [f"at least {least:g}"] if least > -math.inf else []
    bounds += [f"at most {most:g}"] if most < math.inf else []
    raise InputError(
        f"{name} is {shown(name, value)}: {what} takes a number {' and '.join(bounds)}.",
        remedy=f"Correct {name}=.",
    )


def check_count_or_share(what: str, name: str, value: float | None) -> None:
    """Refuse what is neither a number of rows nor a share of them; None is the caller's default and
    passes.
    """
    if value is None:
        return
    if not fits(value, float) or value < 0 or (not isinstance(value, Integral) and value > 1):
        raise InputError(
            f"{name} is {shown(name, value)}: {what} takes a number of rows, or a share of them.",
            remedy=f"Give {name}= an int, or a float from 0.0 to 1.0.",
        )


def _kinds(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def is_huge(value: object) -> bool:
    """Whether a whole number has no place in 64 bits, which databases, clocks and queues count with."""
    return isinstance(value, Integral) and not -(2**63) <= typing.cast(Any, value) < 2**63


def is_class(value: object) -> TypeGuard[type]:
    """Whether a value is a class; ``dict[str, int]``, which Python 3.10 takes for one, is none."""
    return isinstance(value, type) and typing.get_origin(value) is None


def fits(value: object, hint: Any) -> bool:
    """Whether a value is what an annotation says."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in arguments)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in arguments)
    if origin is typing.Annotated:
        return fits(value, arguments[0])
    if origin is type:
        return is_class(value) and (arguments[0] is Any or issubclass(value, arguments[0]))
    if origin is Callable:
        return callable(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            fits(key, arguments[0]) and fits(each, arguments[1]) for key, each in value.items()
        )
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return _is_iterable(value, origin, arguments)
    return _is_plain(value, hint if origin is None else origin)


def _is_iterable(value: object, origin: type, arguments: tuple[Any, ...]) -> bool:
    if isinstance(value, str | bytes | bytearray | Mapping | type) or not isinstance(value, Iterable):
        return False
    if origin is tuple and not isinstance(value, tuple):
        return False
    if not issubclass(origin, Sequence):
        return True
    looked_at = value if isinstance(value, Sequence | set | frozenset) else ()
    return hasattr(value, "__len__") and all(fits(each, arguments[0]) for each in looked_at)


def _is_plain(value: object, hint: Any) -> bool:
    if hint is None or hint is type(None):
        return value is None
    if hint is str:
        return isinstance(value, str) and "\0" not in value
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool) and not is_huge(value)
    if hint is float:
        return (
            isinstance(value, Real)
            and not isinstance(value, bool)
            and not is_huge(value)
            and math.isfinite(value)
        )
    if hint is Any or not isinstance(hint, type):
        return True
    if getattr(hint, "_is_protocol", False):
        wanted = {*vars(hint), *inspect.get_annotations(hint)}
        return all(hasattr(value, name) for name in wanted if not name.startswith("_"))
    return isinstance(value, hint)


_WORDS: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
    bytes: "bytes",
}


def spoken(hint: Any) -> str:
    """Return an annotation in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(spoken, arguments)))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is typing.Annotated:
        return spoken(arguments[0])
    if origin is type:
        return f"a class derived from {spoken(arguments[0])}"
    if origin is Callable:
        return "a function"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {_several(arguments[0])} to {_several(arguments[1])}"
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return f"a list of {_several(arguments[0])}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _several(hint: Any) -> str:
    return {str: "texts", int: "whole numbers", float: "numbers", Any: "anything"}.get(hint, spoken(hint))


def shown(name: str, value: object) -> str:
    """Return a value for an error: its type alone where it may be long, or a secret."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    if name in SECRETS or not isinstance(value, str | int | float | bool | None):
        return f"{value!r}" if value is None else f"a value of type {kind}"
    if isinstance(value, int) and is_huge(value):  # Python refuses to spell very long ones
        return f"a whole number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


@cache
def _hints(of: Any) -> dict[str, Any]:
    """Return the annotations that can be looked at here; a name that is imported for type checkers alone
    cannot.
    """
    found: dict[str, Any] = {}
    for owner in reversed(of.__mro__) if isinstance(of, type) else (of,):
        scope = vars(inspect.getmodule(owner) or types)
        for name, hint in inspect.get_annotations(owner).items():
            if name != "return":
                try:
                    found[name] = eval(hint, dict(scope)) if isinstance(hint, str) else hint
                except NameError:
                    found.pop(name, None)
    return found
