"""A crawl's files by unit and chance, and what the latest chance says of a URL."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import image
from wit_pipeline.crawl.finality import RULES
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import Asked, Asking, asking, everything, is_no, standing
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import SUCCESS, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    url: str
    status: str
    http_status: int = 0


@given(
    st.integers(0, 10**7),
    st.sampled_from([0, 2, 3, 12]),
    st.sampled_from(["", "-1f3a9c07", "-00000000"]),
    st.sampled_from(["", ".tar", ".parquet", ".receipt.json"]),
    st.sampled_from(["unit", "times", "part"]),
)
def test_a_name_says_which_unit_and_chance_it_is_of(
    unit: int, chance: int, attempt: str, end: str, kind: str
) -> None:
    which = Asking(unit, chance)
    assert asking(f"{kind}-{which}{attempt}{end}") == which


@pytest.mark.parametrize("name", ["hosts.parquet", "unit-.tar", "unit-12.tar", ".unit-000001.tar.7.tmp"])
def test_other_names_are_of_no_unit(name: str) -> None:
    assert asking(name) is None


def test_the_latest_chance_of_a_url_counts(tmp_path: Path) -> None:
    said = {
        "unit-000003.parquet": {"a": "timeout", "b": "success", "c": "timeout"},
        "unit-000003.2.parquet": {"a": "timeout", "c": "success"},
        "unit-000003.10-0123abcd.parquet": {"a": "http_not_found"},
        "unit-000004.parquet": {"d": "success"},
    }
    for name, told in said.items():
        rows.write(tmp_path / name, Told, (Told(url=url, status=status) for url, status in told.items()))
    asked = Asked(tmp_path, [*said, "unit-000003.2.tar", "times-000003.parquet", "hosts.parquet"])
    assert asked.units == [3, 4]
    assert [(unit, item.url, item.status) for unit, item in everything(asked, Told)] == [
        (3, "a", "http_not_found"),
        (3, "b", "success"),
        (3, "c", "success"),
        (4, "d", "success"),
    ]
    assert asked.standing(7, Told) == []
    assert [path.name for path in asked.times(3)] == ["times-000003.parquet"]
    assert asked.tar(image(unit=3, chance=2)) == tmp_path / "unit-000003.2.tar"
    with pytest.raises(RunError, match=r"no tar of unit 000003,"):
        asked.tar(image(unit=3))


SAY_NO = {
    *((reason, 0) for reason in ("robots_disallowed", "agents_disallowed", "opted_out", "payment_required")),
    *(("opted_out", code) for code in (200, 206)),
    ("payment_required", 402),
    ("http_not_found", 410),
    ("http_error", 451),
}  # of use; all else says that a picture could not be had, or is a rule of ours
CODES = {
    Reason.OPTED_OUT: (0, 200, 206),
    Reason.PAYMENT_REQUIRED: (0, 402),
    Reason.HTTP_NOT_FOUND: (0, 404, 410),
    Reason.HTTP_ERROR: (0, 400, 401, 403, 405, 409, 418, 429, 451, 500, 503),
}


@pytest.mark.parametrize("reason", RULES)
def test_a_later_no_takes_a_stored_picture_down_and_nothing_else_does(reason: Reason, tmp_path: Path) -> None:
    """For each reason that a crawl gives: what it says after a picture, and what comes after that."""
    for code in CODES.get(reason, (0,)):
        later = {"url": "a", "status": reason, "http_status": code}
        askings = [{"url": "a", "status": SUCCESS, "http_status": 200}, later]
        askings += [{"url": "a", "status": "http_not_found", "http_status": 404}]
        paths = [tmp_path / f"{code}.{number}.parquet" for number in range(3)]
        for path, told in zip(paths, askings, strict=True):
            rows.write(path, Told, [Told(**told)])  # type: ignore[arg-type]  # fields of several types
        no = (reason, code) in SAY_NO
        assert is_no(reason, code) == no
        assert [item.status for item in standing(paths[:2], Told)] == [reason if no else SUCCESS]
        assert [item.status for item in standing(paths, Told)] == [reason if no else SUCCESS]  # a 404 is none
        paths.append(paths[0])  # a picture again
        assert [item.status for item in standing(paths, Told)] == [SUCCESS]


def test_a_table_that_has_a_url_twice_is_told(tmp_path: Path) -> None:
    name = "unit-000000.parquet"
    rows.write(tmp_path / name, Told, [Told(url="a", status="success")] * 2)
    with pytest.raises(RunError, match="more than once"):
        Asked(tmp_path, [name]).standing(0, Told)
