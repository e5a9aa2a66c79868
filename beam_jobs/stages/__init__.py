"""The stages as jobs: each wires the rules of its word, and decides nothing.

What belongs to one stage alone stands beside it: `query_words`, `query_titles` and `query_units` are of
`queries`, `keeping` of `crawl`, the room `shards` of `shard`, `sets` of `dedup` and `audit`. `stages` is the
table of all. Jobs do not import one another.
"""
