"""`make bench`: every measurement, one after another."""

import sys

from benchmarks import openstax_road

if __name__ == "__main__":
    sys.exit(openstax_road.main([]))
