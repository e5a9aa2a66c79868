"""How stages are run: from unsigned to signed, resumable at every unit, on any of Beam's runners.

In: a stage (`stage`), a recipe (`recipe`), a root. Out: the stage's folder, whole or absent, and what is
said while it runs (`progress`). `files` and `tables` read and write what stages need; `lock` and `pending`
keep a root whole. Imports no stage.
"""
