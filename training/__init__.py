"""Pre-train CLIP on the shards. Torch is imported here and nowhere else; Beam never.

    loop    evaluate    export    detector    a run, its worth, what others load; the audit's second judge
    optimisation    checkpoints         a step of learning, and what a run can be taken up from
    distributed                         one model in many processes
    model    data                       the two towers, and batches of pixels and tokens
    config                              the models by name, and the recipe's [train] table

Each row may import those below it. `__main__.py` is the `wit-clip` command, `recipes/` holds recipes to begin
with.
"""
