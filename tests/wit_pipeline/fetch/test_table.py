from concurrent.futures import ThreadPoolExecutor

from wit_pipeline.fetch.table import PerHost


def test_one_thing_for_each_name_however_many_ask() -> None:
    table = PerHost(object)
    with ThreadPoolExecutor(8) as pool:
        things = list(pool.map(lambda _: table["a"], range(100)))
    assert len(set(map(id, things))) == 1
    assert table["b"] is not table["a"]


def test_the_longest_unused_is_forgotten() -> None:
    table = PerHost(object, size=2)
    a, b = table["a"], table["b"]
    assert table["a"] is a
    table["c"]
    assert table["a"] is a
    assert table["b"] is not b
