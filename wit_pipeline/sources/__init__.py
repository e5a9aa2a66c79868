"""One file per kind of source (`list` is url_list: a module may not hide a builtin)."""

from wit_pipeline.sources import commons, openverse, pages, url_list, warc, wat
from wit_pipeline.sources.commons import CommonsSource
from wit_pipeline.sources.openverse import OpenverseSource
from wit_pipeline.sources.pages import PagesSource
from wit_pipeline.sources.source import Kind
from wit_pipeline.sources.url_list import ListSource
from wit_pipeline.sources.warc import WarcSource
from wit_pipeline.sources.wat import WatSource

Source = ListSource | WarcSource | WatSource | PagesSource | CommonsSource | OpenverseSource

KINDS: dict[str, Kind] = {
    "list": Kind(config=ListSource, splits=url_list.splits, read=url_list.read),
    "warc": Kind(config=WarcSource, splits=warc.splits, read=warc.read),
    "wat": Kind(config=WatSource, splits=wat.splits, read=wat.read),
    "pages": Kind(config=PagesSource, splits=pages.splits, read=pages.read, fetches=True),
    "commons": Kind(config=CommonsSource, splits=commons.splits, read=commons.read, fetches=True),
    "openverse": Kind(config=OpenverseSource, splits=openverse.splits, read=openverse.read, fetches=True),
}
