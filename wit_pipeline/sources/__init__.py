"""One file per kind of source (`list` is url_list: a module may not hide a builtin)."""

from wit_pipeline.sources import url_list, warc
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.source import Kind
from wit_pipeline.sources.warc import WarcSource

Source = ListSource | WarcSource

KINDS: dict[str, Kind] = {
    "list": Kind(config=ListSource, splits=url_list.splits, read=url_list.read),
    "warc": Kind(config=WarcSource, splits=warc.splits, read=warc.read),
}
