import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web import OPT_INS, OPT_OUTS
from wit_pipeline.fetch.optout import header_opt_out, page_opt_out


def as_headers(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


@pytest.mark.parametrize("name", OPT_OUTS)
def test_opted_out(name: str) -> None:
    assert header_opt_out(as_headers(OPT_OUTS[name]), "wit")


@pytest.mark.parametrize("name", OPT_INS)
def test_not_opted_out(name: str) -> None:
    assert header_opt_out(as_headers(OPT_INS[name]), "wit") == ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("WIT: noai", "X-Robots-Tag: noai"),
        ("witness: noai", ""),
        ("otherbot: noindex, noai", ""),  # what follows an agent is the agent's
        ("otherbot: noindex, wit: none", "X-Robots-Tag: none"),
        ("foo: 10, noai", "X-Robots-Tag: noai"),  # "foo" is no agent: 10 is no directive
        (": noai", "X-Robots-Tag: noai"),
        ("nofollow;noai", "X-Robots-Tag: noai"),
        ("otherbot: nofollow; noai", ""),
        ("DisallowAITraining", "X-Robots-Tag: disallowaitraining"),
        ("noml", "X-Robots-Tag: noml"),
        ("noaid, indexed", ""),
        ("", ""),
    ],
)
def test_agents(value: str, found: str) -> None:
    assert header_opt_out([("X-Robots-Tag", value)], "wit") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("train-ai=n", True),
        ("Train-AI = n;exp=1", True),
        ("search=y,train-ai=n", True),
        ("train-ai=y", False),
        ("train-ai", False),
        # the examples of draft-ietf-aipref-vocab
        ("train-ai=y, search=n", False),
        ('train-ai=y, train-ai, search=n, search="n"', False),
        ("train-ai;allow=n, train-ai=y", False),
        ('train-ai;has;parameters="?";', False),
        # what is no token, and the last of several
        ('train-ai="n"', False),
        ("train-ai=?0", False),
        ("train-ai=(n)", False),
        ("train-ai=y, train-ai=n", True),
        ("train-ai=n, train-ai=y", False),
        ("train-ai=n;a=1, search", True),
        # what is no dictionary forbids where it plainly does, and allows nothing
        ("train-ai=n,", True),
        ("Train-AI=N", True),
        ("ai=n train-ai=n", True),
        ("train-ai=y; search =", False),
        # predecessors are heard where today's name is not there
        *((f"{key}=n", True) for key in ("ai", "genai", "tdm", "all", "train-genai", "bots")),
        *((f"{key}=n, train-ai=y", False) for key in ("ai", "genai", "tdm", "all", "train-genai", "bots")),
        ("ai=y, bots=n", True),
        ("ai=y", False),
        ("xtrain-ai=n", False),
    ],
)
def test_content_usage(value: str, found: bool) -> None:
    assert bool(header_opt_out([("content-usage", value)], "wit")) == found


@pytest.mark.parametrize(
    ("value", "found"), [("1", True), (" 1 ", True), ("1, 1", True), ("0", False), ("11", False), ("", False)]
)
def test_tdm_reservation(value: str, found: bool) -> None:
    assert bool(header_opt_out([("TDM-Reservation", value)], "wit")) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["noai, noimageai"], "meta robots: noai"),
        (["index,follow", "NOIMAGEINDEX"], "meta robots: noimageindex"),
        (["noindex nofollow"], "meta robots: noindex"),
        (["none"], "meta robots: none"),
        (["index, follow, max-image-preview:large"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_page(values: list[str], found: str) -> None:
    assert page_opt_out(values) == found


@given(st.lists(st.tuples(st.sampled_from(["x-robots-tag", "tdm-reservation", "content-usage"]), st.text())))
def test_no_header_breaks_it(headers: list[tuple[str, str]]) -> None:
    header_opt_out(headers, "wit")


@given(st.lists(st.sampled_from(["nofollow", "all", "max-snippet:10", "noarchive"])))
def test_an_opt_out_is_found_behind_anything(directives: list[str]) -> None:
    assert header_opt_out([("X-Robots-Tag", ", ".join([*directives, "noai"]))], "wit")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Content-Usage", "train-ai=n", "content-usage: train-ai=n"),
        ("Content-Usage", "AI = n", "content-usage: ai=n"),  # no dictionary, and plain
        ("Content-Usage", "AI = y, search = n", ""),  # another key's no, and a yes that nobody can parse
        ("Content-Signal", "search=yes, ai-train=no", "content-signal: ai-train=no"),
        ("X-Robots-Tag", "wit: noai all", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "wit: noindex max-snippet", "X-Robots-Tag: noindex"),
    ],
)
def test_what_is_told_is_what_was_said(name: str, value: str, said: str) -> None:
    assert header_opt_out([(name, value)], "wit") == said
