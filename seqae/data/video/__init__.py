"""Readers of video, and Moving MNIST."""
