"""Dumps of wikis as people download them, to pages of plain text; knows nothing of the list.

In: bytes of MediaWiki's XML or CirrusSearch's JSON, packed in any of six ways, whole or a split of them.
Out: pages, redirects and what could not be read, in order. Imports the vocabulary and the text of
`wit_pipeline`.
"""
