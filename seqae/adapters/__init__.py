"""The detector and the encoder in the forms of other libraries; each needs the extra of its name."""
