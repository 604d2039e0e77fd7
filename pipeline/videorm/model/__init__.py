"""The network: two towers, temporal shift, a head over frames, one reward per dimension."""
