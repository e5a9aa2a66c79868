"""Beam's runners: which of them is meant, what it must find, and what to say where it fails.

In: the flags after `--`. `flags` reads them, `checks` says what is missing before any work, `servers` starts
and ends the job servers that a runner would start itself, `running` runs one graph and says in one line why
it failed, `begun` finds the jobs of a launcher that is gone.
"""
