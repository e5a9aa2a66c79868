"""One model in many processes: who they are, what they tell one another, and who holds which part.

In comes what `torchrun` states, and a model; out come a `World`, and the model whose gradients all share.
Imports `model`, whose blocks are what FSDP takes apart, and does nothing in a process that is alone.
"""
