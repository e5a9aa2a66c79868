"""Pages for eyes: self-contained HTML, nothing loaded from anywhere; and what describes shards to tools.

In: manifests, counts and results of all stages. Out: the build's report, the audit's, the data set's card
and its Croissant metadata. Imports any stage and room; nothing imports it but jobs.
"""
