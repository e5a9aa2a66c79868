"""A copy detector: the CLIP paper's idea (appendix C), trained on the pictures of a crawl."""
