"""Pictures of runs, by matplotlib."""
