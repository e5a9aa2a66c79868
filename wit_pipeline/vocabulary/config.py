"""A frozen dataclass from a TOML table; unknown names and wrong types are refused."""

import dataclasses
import difflib
import enum
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from wit_pipeline.vocabulary.errors import UserError

T = TypeVar("T")

Table = Mapping[str, Any]

LARGEST = 10**15  # beyond all that is counted here: what is above is a slip


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; a `UserError` names the file, and the line of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such recipe") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: is not TOML: {error}") from None


def section(config: type[T], table: Table, where: str) -> T:
    """`table` as a `config`; keys are its fields, and `where` names the table in messages.

    A `ValueError` from the dataclass's own `__post_init__` becomes a `UserError` that names the table.
    """
    hints = typing.get_type_hints(config)
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    for name in table:
        if name not in names:
            raise UserError(f"{where}: no such key {name!r}{did_you_mean(name, names)}")
    values = {name: value_of(hints[name], value, f"{where} {name}") for name, value in table.items()}
    missing = [
        field.name
        for field in dataclasses.fields(config)  # type: ignore[arg-type]
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UserError(f"{where}: needs {', '.join(missing)}")
    try:
        return config(**values)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def did_you_mean(name: str, known: typing.Iterable[str]) -> str:
    """The end of a message about an unknown `name`: the nearest known one, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def value_of(hint: Any, value: Any, where: str) -> Any:
    """`value`, as TOML gave it, as the type `hint`; arrays become tuples and tables dataclasses."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise UserError(f"{where}: wants an array, found {value!r}")
        return tuple(value_of(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise UserError(f"{where}: wants a table, found {value!r}")
        return {key: value_of(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is types.UnionType or origin is typing.Union:
        words = next(
            (one for one in arguments if one is str or typing.get_origin(one) is typing.Literal), None
        )
        if words is not None:  # a number or a table, or a word in its place
            (other,) = (one for one in arguments if one is not words)
            return value_of(words if isinstance(value, str) else other, value, where)
        return _one_of(arguments, value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise UserError(f"{where}: {value!r} is not one of {', '.join(map(str, arguments))}")
        return value
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise UserError(f"{where}: wants a table, found {value!r}")
        return section(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        if value not in list(hint):
            raise UserError(f"{where}: {value!r} is not one of {', '.join(hint)}")
        return hint(value)
    if type(value) in (int, float) and not -LARGEST <= value <= LARGEST:  # not a number is in no order
        raise UserError(f"{where}: {value} is no number that this can be")
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is int and value < 0:
        raise UserError(f"{where}: counts from 0, found {value}")
    if type(value) is not hint:  # `True` must not pass for 1
        wanted = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}[hint]
        raise UserError(f"{where}: wants {wanted}, found {value!r}")
    return value


def _one_of(configs: tuple[Any, ...], value: Any, where: str) -> Any:
    """A table as the one of several dataclasses that its `kind` names."""
    if not isinstance(value, dict):
        raise UserError(f"{where}: wants a table, found {value!r}")
    kinds = {typing.get_args(typing.get_type_hints(config)["kind"])[0]: config for config in configs}
    kind = value.get("kind")
    if kind is None:
        raise UserError(f"{where}: needs kind; one of {', '.join(kinds)}")
    if kind not in kinds:
        raise UserError(f"{where} kind: {kind!r} is not one of {', '.join(kinds)}")
    return section(kinds[kind], value, where)


def as_table(config: object) -> dict[str, Any]:
    """A dataclass as plain tables and arrays, the inverse of `section`; for manifests and digests.

    Fields marked `how()` say how fast, or where the input lies, never what it is: they are left out.
    """
    assert dataclasses.is_dataclass(config)
    return {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if not field.metadata.get("how")
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_table(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping | types.MappingProxyType):
        return {key: _plain(item) for key, item in value.items()}
    return value


def how(default: Any = dataclasses.MISSING, *, default_factory: Any = dataclasses.MISSING) -> Any:
    """A dataclass field whose value changes no output: threads, paths. No digest sees it.

    Of a path, what lies there is an input of its own.
    """
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata={"how": True})
    return dataclasses.field(default=default, metadata={"how": True})
