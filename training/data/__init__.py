"""What is learnt from: shards, here or elsewhere, to batches of pixels and token ids.

In come patterns of shards, a seed and a step; out come a `Batch`, and what could not be used, by reason. A
batch depends on seed and step alone. Imports no other room, and not the recipe.
"""
