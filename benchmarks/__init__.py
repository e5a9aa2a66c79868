"""Measurements behind the claims: one file per claim, run by hand, never part of the test suite."""
