"""Whether an engine can be trusted: `questions` whose answers are known, and the `canary` that asks them.

In: an engine, and a root that its workers can write. Out: what it answers wrongly, in words.
"""
