"""Readers of videos and of captioned clips, and Moving MNIST."""
