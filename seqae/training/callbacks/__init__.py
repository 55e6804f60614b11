"""Lightning callbacks: the best weights, checkpoints, signals, progress."""
