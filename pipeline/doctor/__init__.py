"""What a run needs of a machine, looked at one thing after another, and what to do where it is not so.

One theme, one file: each is a plain function from what was asked to findings, and stands in the table of
:mod:`pipeline.doctor.examine`. Nothing is sent anywhere unless the network is asked for.
"""
