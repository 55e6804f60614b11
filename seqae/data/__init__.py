"""Readers of files and frames, and the transforms that belong to a trained model."""
