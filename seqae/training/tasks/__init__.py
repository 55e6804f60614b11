"""Training objectives, as Lightning modules around models that are usable without them."""
