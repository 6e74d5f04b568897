"""What is read from the index, one file per noun: SQL in named constants, rows as frozen types.

Every function costs one statement, or two, however much the page holds. None of them writes.
"""
