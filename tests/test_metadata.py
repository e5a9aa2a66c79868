"""What the package says of itself stands in two files, which agree."""

import tomllib
from pathlib import Path

import yaml

HERE = Path(__file__).parents[1]
SAID = tomllib.loads((HERE / "pyproject.toml").read_text())
PROJECT = SAID["project"]
CITED = yaml.safe_load((HERE / "CITATION.cff").read_text())


def test_the_citation_is_of_this_version() -> None:
    assert CITED["cff-version"] == "1.2.0"
    assert CITED["title"].lower() == PROJECT["name"]
    assert CITED["version"] == PROJECT["version"]
    assert CITED["license"] == PROJECT["license"]
    assert CITED["abstract"] == PROJECT["description"]
    assert CITED["keywords"] == PROJECT["keywords"]
    assert [author["name"] for author in CITED["authors"]] == [one["name"] for one in PROJECT["authors"]]
    assert CITED["message"]


def test_the_citation_is_in_the_sdist() -> None:
    assert "CITATION.cff" in SAID["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
