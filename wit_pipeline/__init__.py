"""Rules: plain functions on plain records. Nothing here knows Beam or torch."""
