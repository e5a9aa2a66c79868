"""What all rooms say alike: records and their tables, whole files, chance, the recipe's types, errors.

In: nothing. Out: the types that stand between rooms (`records`), how they lie on disk (`rows`, `slices`,
`tar`, `manifest`), which files a pattern means (`found`, `paths`), draws by hash (`chance`), knobs that
several rooms read (`config`, `crawl_config`), and the two ways to fail (`errors`). Imports no other room.
"""
