"""Models that write texts: decoding, translation, captions, text autoencoders."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
