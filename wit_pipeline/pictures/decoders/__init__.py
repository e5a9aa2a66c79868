"""Decoding in processes that may die.

    pool              `Decoders`: hands bodies out, takes pictures back; in the asker's event loop
    nursery_process   the nursery, and …
    decoder_process   … a decoder, as the pool sees them
    nursery           a small process that has imported and compiled everything, and forks decoders at once
    decoder           its fork: one picture after another, within limits that the kernel holds
    messages          what they say to one another

Bodies and pictures lie in a file in memory that the pool and one decoder share; messages of a few bytes go
over a socket pair. The nursery is a fresh interpreter: it knows nothing of what the asker has loaded, and has
one thread, so that its forks are safe. Whoever sees the asker's end of a socket closed, ends.
"""

from wit_pipeline.pictures.decoders.pool import DECODE as DECODE
from wit_pipeline.pictures.decoders.pool import WITH_PDQ as WITH_PDQ
from wit_pipeline.pictures.decoders.pool import Decoders as Decoders
