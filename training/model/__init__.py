"""CLIP itself: two towers, with openai/CLIP's names and shapes of parameters, and what they cost.

In come sizes (a `ClipConfig`), then normalised pixels and token ids; out come unit vectors and the factor of
their cosines. Imports `training.config` and no room: how the model is trained, it does not know.
"""
