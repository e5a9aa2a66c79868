"""Jobs carry records from stage to stage and decide nothing. Beam is imported here and nowhere else."""

import gc
import logging
import sys

from beam_jobs.engine.namesakes import told

if _said := told():
    sys.stderr.write(f"wit: {_said}\n")
    sys.exit(2)

# A million objects are imported, and stay: the usual thresholds look through all of them again and again,
# which is an eighth of a command's start; and a crawl's fetches that wait would be looked through as often.
gc.set_threshold(100_000, 50)


def _is_news(record: logging.LogRecord) -> bool:
    return "apitools not found" not in record.getMessage()


# While it is imported, Beam warns of the Google client that nobody asked for, in every worker process.
logging.getLogger().addFilter(_is_news)
logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what it logs is raised, too, and told in a line
