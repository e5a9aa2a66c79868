"""The stage `audit`: which evaluation images the shards copy, and what that did to a score.

In: rows of shards, the codes of evaluation sets, the distances that dedup found, predictions and verdicts
that people brought (`evidence`). Out: overlaps and results (`audit`), tests of what copies did to a score
(`overlap_tests`). Imports copies, shard and the vocabulary.
"""
