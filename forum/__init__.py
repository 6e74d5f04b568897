"""What a forum is, and how it is kept: records, protocol code without a loop, permissions, SQL.

The ground floor: imports nothing from `actors`, `web` or `daemon`.
"""
