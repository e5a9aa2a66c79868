"""How web archives are read: files to records, and records to pages."""
