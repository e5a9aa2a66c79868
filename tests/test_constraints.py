"""constraints.txt names a version for all that an installation takes, whatever its extras."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())
NAME = canonicalize_name(PROJECT["project"]["name"])
OF_TORCH = re.compile("nvidia-|cuda-|triton$")  # which pins them itself; see the file's head


def pins_of(text: str) -> dict[str, Requirement]:
    """The lines of a list of constraints, by normalised name."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    found = [Requirement(line) for line in lines if line]
    assert len({canonicalize_name(pin.name) for pin in found}) == len(found), "a name stands there twice"
    return {canonicalize_name(pin.name): pin for pin in found}


def wanted() -> Iterator[tuple[str, Requirement]]:
    """All that pyproject.toml asks for, and who asks."""
    lists = {"build-system": PROJECT["build-system"]["requires"], "base": PROJECT["project"]["dependencies"]}
    for who, lines in {**lists, **PROJECT["project"]["optional-dependencies"]}.items():
        for line in lines:
            yield who, Requirement(line)


PINS = pins_of((HERE / "constraints.txt").read_text())
WANTED = [pytest.param(item, id=f"{who}:{item.name}") for who, item in wanted()]


def version(pin: Requirement) -> str:
    """The one version that a pin allows."""
    (one,) = pin.specifier
    assert one.operator == "=="
    assert "*" not in one.version
    return one.version


@pytest.mark.parametrize("pin", [pytest.param(pin, id=name) for name, pin in PINS.items()])
def test_a_pin_is_one_version(pin: Requirement) -> None:
    assert version(pin)
    assert not pin.extras


def test_pins_stand_in_order() -> None:
    assert list(PINS) == sorted(PINS)


@pytest.mark.parametrize("item", WANTED)
def test_what_is_asked_for_is_pinned_within_its_bounds(item: Requirement) -> None:
    assert item.specifier.contains(version(PINS[canonicalize_name(item.name)]))


@pytest.mark.parametrize("item", WANTED)
def test_what_is_installed_is_what_is_pinned(item: Requirement) -> None:
    """A local label, as of a torch for CPUs, is the same version."""
    if item.marker and not item.marker.evaluate():
        pytest.skip("not for this Python")
    try:
        found = distribution(item.name).version
    except PackageNotFoundError:
        pytest.skip(f"{item.name} is not installed here")
    assert PINS[canonicalize_name(item.name)].specifier.contains(found)


def test_what_comes_along_is_pinned_too() -> None:
    """As far as it is installed here: what the requirements require, and so on."""
    seen: set[str] = set()
    ahead = [(canonicalize_name(item.name), frozenset(item.extras)) for _, item in wanted()]
    while ahead:
        name, extras = ahead.pop()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for item in map(Requirement, requires):
            if not item.marker or any(item.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                along = canonicalize_name(item.name)
                if along not in seen and not OF_TORCH.match(along):
                    seen.add(along)
                    ahead.append((along, frozenset(item.extras)))
    assert sorted(seen - PINS.keys() - {NAME}) == []


def test_a_name_that_stands_twice_is_found() -> None:
    with pytest.raises(AssertionError, match="twice"):
        pins_of("a-b==1\nA_b==2  # the same\n")
