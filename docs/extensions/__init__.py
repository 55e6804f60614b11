"""Pages that are written while the documentation is built."""
