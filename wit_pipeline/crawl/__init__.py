"""The stage `crawl`: a unit's URLs to a tar of stored pictures and a table of what happened.

In: candidates of one unit, a client of `fetch`, a decoder of `pictures`. Out: `unit-NNNNNN.tar`, its table
and its times (`crawl`), the sums by host and by status (`accounts`), and what of it stands for another
frontier (`standing`). Imports frontier, fetch, pictures and the vocabulary.
"""
