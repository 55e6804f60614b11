"""Images and masks: files, official sets, damage and augmentation, scores."""
