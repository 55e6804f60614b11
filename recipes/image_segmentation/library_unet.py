"""The U-Net of segmentation-models-pytorch, to compare with."""

from torch import nn

try:
    import segmentation_models_pytorch as smp
except ImportError:  # the comparison is left out
    smp = None


def smp_unet(channels: int, outputs: int) -> nn.Module | None:
    """Return the finest levels of a ResNet-18 with a decoder: as many weights in use as our U-Net has."""
    if smp is None:
        return None
    shape = {"encoder_depth": 3, "decoder_channels": (64, 32, 16), "in_channels": channels, "classes": outputs}
    return smp.Unet("resnet18", encoder_weights=None, **shape)
