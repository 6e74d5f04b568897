"""Whom a permalink names: by DID, by handle, or by a handle of former days (in that order, should several answer)."""

# $1 as rows of `did` and `rank`; to be joined, for a name alone does not say which account is meant.
NAMED = """
SELECT $1::text AS did, 0 AS rank WHERE $1 LIKE 'did:%'
 UNION ALL SELECT did, 1 FROM accounts WHERE handle = $1
 UNION ALL SELECT did, 2 FROM former_handles WHERE handle = $1
"""
