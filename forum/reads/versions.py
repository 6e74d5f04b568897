"""Which version of a record the index holds: the CID that the ledger has of it, for those who change what they see."""

# Of the record `r`, by the ledger's primary key.
VERSION = """LEFT JOIN ledger l
    ON (l.did, l.collection, l.rkey) = (split_part(r.uri, '/', 3), split_part(r.uri, '/', 4), split_part(r.uri, '/', 5))
"""
