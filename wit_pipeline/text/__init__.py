"""What a text is, and what it says: cleaning, words, captions that are none, which queries one names.

In: texts as sources gave them. Out: clean texts, words by one rule for dumps, queries and captions (`text`,
and `tokens`, its compiled twin), verdicts with reasons (`caption`, `junk`), ids of queries (`match`), one
caption for an image of several texts (`texts`). Imports the vocabulary alone.
"""
