"""Texts, pairs of texts and trees: files, official sets, vocabularies, baselines and scores."""
