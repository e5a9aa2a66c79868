"""Pre-train CLIP on the shards. Torch is imported here and nowhere else; Beam never."""
