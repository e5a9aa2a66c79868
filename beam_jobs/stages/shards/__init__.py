"""What `shard` does before it writes a tar: which pairs stand in which shard, and the order of the others.

In: the pairs of the balance, and the shards that a round goes on with (`rounds`). Out: the pairs of any
shard, one that stands or one that is new (`order`), from tables on disk that no shuffle made.
"""
