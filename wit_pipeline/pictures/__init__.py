"""What one decode of a file tells: stored bytes, facts, perceptual codes, what it says of reuse.

In: bytes from strangers, which `decoders` give to processes that may die. Out: `image.Decoded`, or an
`ImageError` with its reason. `structure`, `jpeg`, `png` and `avif` read what a file declares before any pixel
is; `reuse` what its owner reserved; `named` says what was refused. `shown` gives
pixels as screens show them, by `exif`, `colour` (profiles) and `coded` (code points); `grey`, `resize`,
`trim` and `codes` work on these. Imports the vocabulary alone.
"""
