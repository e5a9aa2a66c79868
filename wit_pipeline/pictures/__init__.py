"""What one decode of a file tells: stored bytes, facts, perceptual codes, what it says of reuse.

In: bytes from strangers, which `decoders` give to processes that may die. Out: `image.Decoded`, or an
`ImageError` with its reason. `structure` and `jpeg` read what a file declares before any pixel is;
`reserved`, `metadata` and `claims` what its owner reserved; `colour`, `grey`, `resize`, `trim` and `codes`
work on pixels. Imports the vocabulary alone.
"""
