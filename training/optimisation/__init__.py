"""One step of learning: the loss, its gradients, AdamW and its schedule.

In come a model and a batch's tensors; gradients are left in the model, and the optimizer moves it. Imports
`distributed`, `model`, and of `data` what pixels are normalised by; reads and writes no file.
"""
