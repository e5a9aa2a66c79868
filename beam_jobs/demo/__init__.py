"""A small world made from a seed: a Wikipedia dump, a web with planted trouble, and what must come of it.

Nothing here imports Beam or torch: the demo runs `wit` and `wit-clip` as a user would.
"""
