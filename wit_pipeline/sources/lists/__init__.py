"""Lists of URLs and captions: one file per format, and what they share."""
