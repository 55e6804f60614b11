"""Plain torch modules: encoders, decoders and what they are made of. No data, no training."""
