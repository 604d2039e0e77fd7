"""What browsers play of a clip, and a small copy of what they do not."""
