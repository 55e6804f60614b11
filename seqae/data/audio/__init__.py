"""Readers of audio, log-mel spectrograms, and synthetic speech."""
