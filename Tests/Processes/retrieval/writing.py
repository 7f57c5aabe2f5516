"""Changes, in few words."""

from membus_protos import memory


def put(key, value="", **fields):
    return memory.Change(key=key, put=memory.Put(value=value.encode() if isinstance(value, str) else value, **fields))


def delete(key):
    return memory.Change(key=key, delete=memory.Delete())


def on(branch, *changes):
    return memory.Transaction(branch=branch, changes=changes)


def link(target, relation="about"):
    return memory.Link(relation=relation, target=target)


def head(session, *changes, **fields):
    """-> the revision of what was committed"""
    return session.transact(*changes, **fields).position.revision
