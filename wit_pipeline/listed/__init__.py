"""What may not be kept: lists of addresses, sums and perceptual codes, and what is found in them.

In: lists as people have them, and what is known of an address or a picture. Out: the Match, or none.
`entries` says what a line of a list means, `lists` holds them and looks up, `near` finds the nearest of many
codes, `marks` are the sums and the code that a picture is known by where a list asks for them, and `matches`
writes what was found where whoever has to report it said, and nowhere else.

Lists are looked up, never made: nothing here writes an entry of a picture that it has seen.
"""
