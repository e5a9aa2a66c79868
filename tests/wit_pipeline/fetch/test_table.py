from wit_pipeline.fetch.table import PerHost


def test_one_thing_for_each_name_made_from_it() -> None:
    table = PerHost(lambda name: [name])
    assert table["a"] is table["a"] == ["a"]
    assert table["b"] is not table["a"]


def test_the_longest_unused_is_forgotten() -> None:
    table = PerHost(lambda name: object(), size=2)
    a, b = table["a"], table["b"]
    assert table["a"] is a
    table["c"]
    assert table["a"] is a
    assert table["b"] is not b
