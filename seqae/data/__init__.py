"""Readers of tables, texts, images, audio and video; official data sets, and synthetic ones that need no network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
