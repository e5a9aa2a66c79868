"""What `dedup` shuffles: the graphs that find which images are copies of which others (`comparing`).

In: the parts of filter. Out: verdicts on the images of each part, for the step that applies them.
"""
