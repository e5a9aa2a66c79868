"""Image towers: pixels in, one embedding an image out."""
