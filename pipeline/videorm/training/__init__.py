"""How VideoRM learns: losses, cached features, the loop, checkpoints, several processes."""
