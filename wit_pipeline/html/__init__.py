"""What a web page says of its images.

In: the bytes of a page and its address. Out: a Raw for each text of an image, or a Reject of a page that
opts out. `scan` finds tags, compiled; `page` and `facts` read them; `srcset`, `json_ld` and their kin know
one notation each. Imports text, fetch (what opts out) and the vocabulary.
"""
