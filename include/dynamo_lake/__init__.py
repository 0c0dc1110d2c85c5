"""The domain: plans, windows, versions, statements, manifests, declarations, typing rules and the reference merge.

Standard library only; no clock (``now`` is an argument) and no I/O.
"""
