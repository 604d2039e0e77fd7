"""Sentinels: a few clips judged again and again, so that a judge that changed under its name shows.

``options`` is the block of the configuration, ``check`` what is refused before work and how many
requests it adds, ``sentinels`` what a run calls around each wave. Nothing is imported here: the
configuration needs the options, and the rest needs the configuration.
"""
