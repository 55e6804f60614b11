"""The anomaly detector on rows that arrive one after the other."""
