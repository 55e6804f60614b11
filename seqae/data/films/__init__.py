"""Films and captions: files, official sets, films that are made as they are needed, scores."""
