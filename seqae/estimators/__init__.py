"""Estimators by the rules of scikit-learn: a sequence autoencoder, an encoder for classifiers, and a classifier."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
