"""Samples taken down from what stands: out of shards, with their keys, and out of the crawl's bytes.

In: lists as people sent them. Out: shards written anew without what the lists name, and tars with holes
where it was. The lists themselves are read by `listed`, which also keeps what they name from being stored.
"""
