"""Where pairs come from: one module per kind of source (`list` is `url_list`: no module may hide a builtin).

In: a `[[extract.sources]]` of the recipe and a `World` that opens its files. Out: its splits, and a Raw or
a Reject for each record of one. `lists`, `archives` and `web` are the kinds that need several modules.
Imports html, fetch, text and the vocabulary.
"""

from wit_pipeline.sources import url_list, warc, wat, webdataset, wit_tsv, yfcc
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.source import Kind
from wit_pipeline.sources.warc import WarcSource
from wit_pipeline.sources.wat import WatSource
from wit_pipeline.sources.web import api, commons, openverse, pages
from wit_pipeline.sources.web.commons import CommonsSource
from wit_pipeline.sources.web.openverse import OpenverseSource
from wit_pipeline.sources.web.pages import PagesSource
from wit_pipeline.sources.webdataset import WebdatasetSource
from wit_pipeline.sources.wit_tsv import WitTsvSource
from wit_pipeline.sources.yfcc import YfccSource

Source = (
    ListSource
    | WarcSource
    | WatSource
    | WitTsvSource
    | YfccSource
    | PagesSource
    | CommonsSource
    | OpenverseSource
    | WebdatasetSource
)

KINDS: dict[str, Kind] = {
    "list": Kind(config=ListSource, splits=url_list.splits, read=url_list.read),
    "warc": Kind(config=WarcSource, splits=warc.splits, read=warc.read, pages=True),
    "wit_tsv": Kind(config=WitTsvSource, splits=wit_tsv.splits, read=wit_tsv.read),
    "yfcc": Kind(config=YfccSource, splits=yfcc.splits, read=yfcc.read),
    "wat": Kind(config=WatSource, splits=wat.splits, read=wat.read, pages=True),
    "pages": Kind(config=PagesSource, splits=pages.splits, read=pages.read, fetches=True, lane=pages.lane),
    "commons": Kind(
        config=CommonsSource, splits=commons.splits, read=commons.read, fetches=True, lane=api.lane
    ),
    "openverse": Kind(
        config=OpenverseSource, splits=openverse.splits, read=openverse.read, fetches=True, lane=api.lane
    ),
    "webdataset": Kind(config=WebdatasetSource, splits=webdataset.splits, read=webdataset.read),
}
