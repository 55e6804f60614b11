"""Readers of texts, and synthetic ones."""
