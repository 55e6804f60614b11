"""Transforms of sequences before a model reads them: corruption, augmentation, scaling.

A transform is a callable `(item, generator) -> item`: it takes a `Batch` and a `torch.Generator` of random numbers and
returns a new batch, so that the same seed gives the same result; `corruption_generator` makes one for a batch of a
training. `Compose` applies several transforms one after the other, `RandomApply` one to some of the sequences. A
parameter `p` is a probability from 0 to 1. Padding may change; it is never read.

Transforms of images with masks (`random_flip`, `random_rotation`, `RandomBrightness`, `RandomShift`) take an image, its
mask and a `numpy.random.Generator`, because each image has its own generator in any batch; `augment` applies
them to a batch. `Scaler` is fitted to arrays and has the methods of a scaler of scikit-learn.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
