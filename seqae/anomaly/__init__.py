"""Anomalies in sequences: from errors to scores, from scores to alarms, from alarms to events and numbers."""
