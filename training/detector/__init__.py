"""A copy detector: the CLIP paper's idea (appendix C), trained on the pictures of a crawl.

In come pictures, out comes detector.onnx with what it was calibrated to: `wit-clip detector`. A small world
of its own, net and loop included: it imports of `data` what an unreadable image raises, and no other room.
"""
