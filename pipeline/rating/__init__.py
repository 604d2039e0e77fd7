"""People in the loop: what of a run they are asked to rate, and the page and tasks that ask them."""
