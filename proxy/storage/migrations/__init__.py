"""The schema of the store, version by version.

To add one: a file in `versions/` whose `down_revision` is the newest so far, and the change in `storage/schema.py`; a
test compares the two. A version never changes once it was released, so it does not import `schema.py`. There is no way
back but a backup.
"""
