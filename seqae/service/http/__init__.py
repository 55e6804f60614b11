"""Detectors behind HTTP and WebSocket: `seqae serve`."""
