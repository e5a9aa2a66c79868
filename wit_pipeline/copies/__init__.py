"""Which pictures are one: near-duplicates in a data set, and copies of evaluation images.

In: codes of pictures, and evaluation sets as people have them (`picture_sets`, `evaluation`). Out: groups
of near-duplicates (`self_join`, by the bits of `neardup`), sightings of evaluation images
(`evaluation_index` over `nearest`, `sightings`), and how near is a copy, which decoys tell (`decoys`,
`thresholds`). `detector` and `describing` are a second judge, trained. Imports pictures and what lies
below.
"""
