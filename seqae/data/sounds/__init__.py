"""Sound: files, official sets, log-mel frames and damage to them."""
