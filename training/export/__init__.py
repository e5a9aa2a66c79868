"""A checkpoint as others load it: open_clip, transformers, openai/CLIP, onnxruntime.

In come a run or a checkpoint of it; out comes a folder that needs nothing of ours: weights, sizes, tokenizer,
how pictures are prepared, and a card. Imports `checkpoints`, `model` and `data`; the libraries that it
writes for are imported by its tests alone.
"""
