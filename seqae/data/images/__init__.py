"""Readers of images and masks, official sets, and synthetic surfaces."""
