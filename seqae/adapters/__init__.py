"""The anomaly detector and the sequence encoder by the rules of other libraries; each needs the extra of its name."""
