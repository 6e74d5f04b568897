"""What exists once per process: command line, settings, the tree of actors, supervisor, database pool, logs.

The only package that builds things; `daemon/tree.py` is where to begin reading.
"""
