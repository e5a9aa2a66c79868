"""What a checkpoint is worth: zero-shot classification and retrieval, `wit-clip eval`.

In come a checkpoint, image folders and held-out shards; out comes results.json. Imports `checkpoints`,
`model` and `data`, and neither the loop nor what only training needs.
"""
