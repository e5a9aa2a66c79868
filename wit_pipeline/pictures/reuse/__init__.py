"""What a file itself says of its reuse: XMP packets and signed claims, before a pixel is decoded.

In: the bytes of a picture. Out: the opt-out among the honoured signals, and the raw values. Imports the
containers of `pictures` (`avif`) and the vocabulary.
"""
