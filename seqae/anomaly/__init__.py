"""Anomaly detection: from reconstruction errors to scores, thresholds, alarms, events and drift."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
