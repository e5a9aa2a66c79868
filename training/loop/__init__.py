"""A run from its first step to its last: `wit-clip train`.

In come a recipe and patterns of shards; out come checkpoints/ and metrics.jsonl. Begin with `train.py`. May
import every room but `evaluate` and `detector`; no room imports it.
"""
