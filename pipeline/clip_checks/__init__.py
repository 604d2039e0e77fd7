"""What is wrong with a clip as a clip: found from the measures of its frames, before any judge is asked."""
