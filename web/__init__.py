"""What answers requests: the JSON API. Handlers parse, call one function, render.

Imports `actors` and `forum`. Errors become status codes and words here and nowhere else.
"""
