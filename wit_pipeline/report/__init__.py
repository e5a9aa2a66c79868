"""Pages for eyes: self-contained HTML, nothing loaded from anywhere."""
