"""The parts of a forum's world, on this machine: a network of personal data servers, the daemon, a lively community.

`python -m demo` shows them together. The end-to-end tests run the same network and the same daemon.
"""
