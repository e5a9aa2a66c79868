"""Records and texts at random, for properties."""

from hypothesis import strategies as st

TEXTS = st.text(max_size=40)
WORDS = st.sampled_from(["red", "blue", "dog", "new", "york", "city", "o'brien", "2nd", "étoile", "犬"])
SENTENCES = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
CODES8 = st.integers(0, 2**64 - 1).map(lambda value: f"{value:016x}")
CODES16 = st.integers(0, 2**256 - 1).map(lambda value: f"{value:064x}")
