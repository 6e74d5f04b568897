"""What runs for a long time: firehose, applier, identity, notifier, server; their messages and health.

Imports `forum` only. An actor is a function; everything it needs arrives as an argument.
"""
