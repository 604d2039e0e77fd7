"""What VideoRM learns from: clips, frames, groups of a prompt, labels of machines and people."""
