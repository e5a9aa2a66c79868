"""What a run can be taken up from: its own checkpoints, whole or absent, or weights that others made.

In come a folder, a file or a `Checkpoint`; out come a `Checkpoint`, or weights and their tokenizer. Plain
tables and tensors, so that nothing that is loaded runs code. Imports `model` and `data`.
"""
