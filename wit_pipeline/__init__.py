"""The rules of the road from sources to shards: plain functions on plain records; no Beam, no torch.

At the top stand the stages, each under its word: `extract frontier crawl filter dedup balance shard audit`.
Below them lie rooms, and all that they share is `vocabulary`. Who may import whom is a contract in
pyproject.toml, read from the top down:

    report  takedown            what tells of all stages, and what takes out of them
    audit
    crawl  shard  dedup  extract  filter
    frontier
    balance
    sources  copies             where pairs come from; which pictures are one
    html  pictures              what a page says; what one decode of a file tells
    text  fetch                 what a word is; what may be asked, and how
    vocabulary
"""
