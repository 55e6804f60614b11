"""What operators say about rows: this was normal, this was that fault."""
