"""The rules of branches, merges, rollback, provenance and undo, executable. Plain dictionaries; slow and obvious.

A version is what one commit left under a key. A state is (branch, revision). K(state) says, for every branch, up to
which revision its commits are contained in the state: inclusion is always a prefix of each branch, so a vector is exact.

Contents here are (kind, value). Left out: attributes, links and owners (merged by name, as a set, and ours), expiry
times (only the broker's deletions, `expire`), policies by topic, pick, rebase, parking, pages, retention (see
test_compaction in test_model.py). `python3 test_model.py` tries all of it on random histories.
"""
from collections import namedtuple

ABSENT = None
CONFLICT = object()


class V:
    __slots__ = ("rev", "key", "branch", "kind", "val", "exp", "act", "made", "extra")

    def __init__(s, rev, key, branch, kind, val, act, made=(), exp=None, extra=None):
        s.rev, s.key, s.branch, s.kind, s.val, s.act, s.made, s.exp, s.extra = rev, key, branch, kind, val, act, tuple(made), exp, extra

    @property
    def id(s):
        return (s.rev, s.key)

    def __repr__(s):
        return f"{s.key}@{s.rev}/{s.branch} {s.act} {s.kind}={s.val!r}"


def content(v):
    return ABSENT if v is None or v.val is None else (v.kind, v.val)


# ---------------------------------------------------------------- three-way merge of contents, blind to history

def diff3(b, o, t):
    """Lines; None: conflict."""
    import difflib

    def hunks(x):
        return [(i1, i2, x[j1:j2]) for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, b, x, autojunk=False).get_opcodes() if tag != "equal"]

    ho, ht = hunks(o), hunks(t)
    out, pos, i, j = [], 0, 0, 0
    while i < len(ho) or j < len(ht):
        if j == len(ht) or (i < len(ho) and (ho[i][0], ho[i][1]) < (ht[j][0], ht[j][1])):
            a, other = ho[i], ht[j] if j < len(ht) else None
            i += 1
            if other and overlaps(a, other):
                if a == other:
                    j += 1
                else:
                    return None
        elif i == len(ho) or (ht[j][0], ht[j][1]) < (ho[i][0], ho[i][1]):
            a, other = ht[j], ho[i] if i < len(ho) else None
            j += 1
            if other and overlaps(a, other):
                return None
        else:
            if ho[i] != ht[j]:
                return None
            a = ho[i]
            i += 1
            j += 1
        if a[0] < pos:
            return None
        out += b[pos:a[0]] + a[2]
        pos = a[1]
    return out + b[pos:]


def overlaps(a, b):
    # Adjacent hunks touch: diff3 and Git call that a conflict.
    return a[0] <= b[1] and b[0] <= a[1]


def merge_json(b, o, t):
    """Dicts by member, recursively; everything else as one value. Returns (value, None) or (None, path)."""
    if o == t:
        return o
    if o == b:
        return t
    if t == b:
        return o
    if isinstance(o, dict) and isinstance(t, dict):
        bb = b if isinstance(b, dict) else {}
        out = {}
        for k in sorted(set(o) | set(t)):
            m = merge_json(bb.get(k, MISSING), o.get(k, MISSING), t.get(k, MISSING))
            if m is CONFLICT:
                return CONFLICT
            if m is not MISSING:
                out[k] = m
        return out
    return CONFLICT


MISSING = object()


def merge3(base, ours, theirs, o_expired=False, t_expired=False):
    """Contents or ABSENT in, content, ABSENT or CONFLICT out. Symmetric but for the order of appended pieces."""
    kinds = {c[0] for c in (base, ours, theirs) if c is not ABSENT}
    counter = kinds == {"counter"} and ours is not ABSENT and theirs is not ABSENT
    if counter:
        return ("counter", ours[1] + theirs[1] - (base[1] if base is not ABSENT else 0))
    if ours == theirs:
        return ours
    if ours == base:
        return theirs
    if theirs == base:
        return ours
    if ours is ABSENT or theirs is ABSENT:
        if ours is ABSENT and o_expired:
            return theirs
        if theirs is ABSENT and t_expired:
            return ours
        return CONFLICT
    if len({ours[0], theirs[0]} | ({base[0]} if base is not ABSENT else set())) != 1:
        return CONFLICT
    k, o, t = ours[0], ours[1], theirs[1]
    b = base[1] if base is not ABSENT else None
    if k == "json":
        m = merge_json(b if b is not None else {}, o, t)
        return m if m is CONFLICT else (k, m)
    if k == "set":
        bb = set(b or ())
        return (k, tuple(sorted((bb & set(o) & set(t)) | (set(o) - bb) | (set(t) - bb))))
    if k == "log":  # what a side only appended since the base is appended to the other
        bb = b if b is not None else ()
        n = len(bb)
        if t[:n] == bb:
            return (k, o + t[n:])
        if o[:n] == bb:
            return (k, t + o[n:])
        return CONFLICT
    if k == "lines":
        if base is ABSENT:
            return CONFLICT
        m = diff3(list(b), list(o), list(t))
        return CONFLICT if m is None else (k, tuple(m))
    return CONFLICT  # text: ask


Plan = namedtuple("Plan", "writes conflicts K base candidates agreed")


class Store:
    def __init__(s):
        s.rev = 0
        s.branches = {0: dict(parent=None, fork=0, created=0)}
        s.vers = {}       # (branch, key) -> [V] ascending
        s.byid = {}       # (rev, key) -> V
        s.commits = {}    # rev -> dict
        s.merges = {}     # branch -> [(rev, source branch, source rev)]
        s.byb = {0: []}   # branch -> [revisions of its commits]
        s.notes = []      # reads without a write: (head when noted, agent, context, [version ids])

    # ---- reading
    def levels(s, b, R):
        out, up = [], R
        while b is not None:
            out.append((b, up))
            up = min(up, s.branches[b]["fork"])
            b = s.branches[b]["parent"]
        return out

    def read(s, b, k, R=None):
        for lb, up in s.levels(b, s.rev if R is None else R):
            for v in reversed(s.vers.get((lb, k), ())):
                if v.rev <= up:
                    return v
        return None

    def keys(s):
        return sorted({k for _, k in s.vers})

    def state(s, b, R=None):
        return {k: content(v) for k in s.keys() if (v := s.read(b, k, R)) is not None and v.val is not None}

    # ---- knowledge
    def K(s, b, R):
        br = s.branches[b]
        k = {} if br["parent"] is None else dict(s.K(br["parent"], min(R, br["fork"])))
        k[b] = max(R, k.get(b, 0)) if br["parent"] is None or R >= br["created"] else k.get(b, 0)
        for r, sb, sr in s.merges.get(b, ()):
            if r <= R:
                for x, y in s.K(sb, sr).items():
                    if x != b:
                        k[x] = max(k.get(x, 0), y)
        # A revision is only as good as the branch's newest commit at or below it.
        return {x: max((c for c in s.byb[x] if c <= y), default=0) for x, y in k.items()}

    @staticmethod
    def le(a, b):
        return all(b.get(x, 0) >= y for x, y in a.items())

    def heads(s, C):
        """The maximal states of a common past: usually one."""
        hs = [(b, r) for b, r in C.items() if r > 0 or b == 0]
        ks = {h: s.K(*h) for h in hs}
        out = []
        for h in hs:
            if not any(g != h and s.le(ks[h], ks[g]) and not (s.le(ks[g], ks[h]) and g > h) for g in hs):
                out.append(h)
        return sorted(out)

    def common(s, A, B):
        a, b = s.K(*A), s.K(*B)
        return {x: min(a.get(x, 0), b.get(x, 0)) for x in set(a) | set(b) if min(a.get(x, 0), b.get(x, 0)) > 0 or x == 0}

    def changes_between(s, known, beyond):
        """Keys changed by commits, of any branch, that `beyond` contains and `known` does not. Those of A's own line are
        not enough: what A merged and did not have to write (a deletion of what it never had) counts too."""
        out = set()
        for b, up in beyond.items():
            lo = known.get(b, 0)
            for (lb, k), vs in s.vers.items():
                if lb == b and any(lo < v.rev <= up for v in vs):
                    out.add(k)
        return out

    def diff(s, A, B):
        ka, kb = s.K(*A), s.K(*B)
        cand = s.changes_between(ka, kb) | s.changes_between(kb, ka)
        return {k: (content(s.read(A[0], k, A[1])), content(s.read(B[0], k, B[1]))) for k in cand
                if content(s.read(A[0], k, A[1])) != content(s.read(B[0], k, B[1]))}

    # ---- base of one key
    def base(s, k, hs, depth=0):
        """(content or ABSENT or CONFLICT). Several heads: drop what another head has superseded, then merge what is left."""
        vs = [(h, s.read(h[0], k, h[1])) for h in hs]
        keep = []
        for h, v in vs:
            dead = False
            for g, w in vs:
                if g == h or (v is not None and w is not None and v.id == w.id):
                    continue
                kg, kh = s.K(*g), s.K(*h)
                v_known = v is None or v.rev <= kg.get(v.branch, 0)
                w_known = w is not None and w.rev <= kh.get(w.branch, 0)
                if v_known and not w_known and w is not None:
                    dead = True
            if not dead:
                keep.append((h, v))
        cs = []
        for h, v in keep:
            if all(not ((w is None and v is None) or (w is not None and v is not None and (w.id == v.id))) for _, w in cs):
                cs.append((h, v))
        if len({repr(content(v)) for _, v in cs}) == 1 and not (content(cs[0][1]) and content(cs[0][1])[0] == "counter"):
            return content(cs[0][1])
        h, v = cs[0]
        acc, acc_heads = content(v), [h]
        for g, w in cs[1:]:
            C = None
            for x in acc_heads:
                c = s.common(x, g)
                C = c if C is None else {y: max(C.get(y, 0), c.get(y, 0)) for y in set(C) | set(c)}
            bb = s.base(k, s.heads(C), depth + 1)
            if bb is CONFLICT:
                return CONFLICT
            acc = merge3(bb, acc, content(w))
            if acc is CONFLICT:
                return CONFLICT
            if acc is not ABSENT and acc[0] == "counter":
                twice = s.once(s.undone_of(k, acc_heads) & s.undone_of(k, [g]) - s.all_taken_off(s.heads(C)), s.heads(C))
                acc = ("counter", acc[1] + sum(s.byid[i].extra for i in twice))
            acc_heads.append(g)
        return acc

    # ---- committing
    def commit(s, b, changes, agent="a", context="c", reads=(), merge=None, undid=(), note="", agreed=(), cascade=False):
        """changes: {key: (kind, val, act, made)}"""
        s.rev += 1
        r = s.rev
        vs = []
        for k, ch in changes.items():
            kind, val, act, made = ch[:4]
            extra = ch[4] if len(ch) > 4 else None
            exp = ch[5] if len(ch) > 5 else None
            v = V(r, k, b, kind, val, act, made, exp, extra)
            s.vers.setdefault((b, k), []).append(v)
            s.byid[v.id] = v
            vs.append(v)
        s.byb[b].append(r)
        s.commits[r] = dict(rev=r, branch=b, agent=agent, context=context, reads=tuple(reads), vers=vs, merge=merge, undid=tuple(undid), note=note, agreed=tuple(agreed), cascade=cascade)
        return r

    def fork(s, parent, at=None):
        at = s.rev if at is None else at
        b = len(s.branches)
        s.branches[b] = dict(parent=parent, fork=at, created=s.rev + 1)
        s.byb[b] = []
        s.commit(b, {}, note="fork")
        return b

    def put(s, b, k, kind, val, **kw):
        return s.commit(b, {k: (kind, val, "put", ())}, **kw)

    def delete(s, b, k, act="del", **kw):
        return s.commit(b, {k: (None, None, act, ())}, **kw)

    def build(s, b, k, kind, f, act, extra=None, **kw):
        p = s.read(b, k)
        old = content(p)
        assert old is ABSENT or old[0] == kind
        return s.commit(b, {k: (kind, f(old[1] if old is not ABSENT else None), act, [p.id] if p is not None else [], extra)}, **kw)

    def inc(s, b, k, d, **kw):
        return s.build(b, k, "counter", lambda o: (o or 0) + d, "inc", d, **kw)

    def append(s, b, k, piece, **kw):
        return s.build(b, k, "log", lambda o: (o or ()) + (piece,), "app", piece, **kw)

    # ---- merging
    def plan(s, target, source, at=None, resolve=None, T=None):
        T = s.rev if T is None else T
        S = s.rev if at is None else at
        S = max((c for c in s.byb[source] if c <= S), default=0)
        kt, ks = s.K(target, T), s.K(source, S)
        C = {x: min(kt.get(x, 0), ks.get(x, 0)) for x in set(kt) | set(ks)}
        hs = s.heads(C)
        cand = s.changes_between(kt, ks)
        writes, conflicts, agreed = {}, {}, []
        undone = s.bad_by_undo((target, T))
        for k in sorted(cand):
            o, t = s.read(target, k, T), s.read(source, k, S)
            if o is not None and t is not None and o.id == t.id:
                continue
            res = s.merge_key(k, o, t, hs, kt, ks, resolve, s.undone_twice(k, (target, T), (source, S), hs))
            # A counter that stands where it stood may have moved to and fro: what was undone holds back the rest.
            moved = (t is not None and t.kind == "counter" and t.val is not None and t.rev > kt.get(t.branch, 0)
                     and t.id in undone)
            # So is a sum that came out as ours has it: theirs is in it.
            stands = res is None or (res[0] is not CONFLICT and res[2] == "keep" and res[4] != "decided")
            if stands and moved:
                choice = resolve(k, "undone", content(o), content(t)) if resolve else None
                if choice is None:
                    conflicts[k] = ("undone", content(o), content(t))
                    continue
                if choice == "ours":
                    writes[k] = (o.kind if o else None, o.val if o else None, "keep", [o.id] if o else [], "decided")
                    continue
            if res is None:
                # Nothing to write. What both sides came to by themselves is noted, so that undoing one leaves the other.
                agreed.append(k)
                continue
            if res[0] is not CONFLICT and any(i in undone for i in res[3] if o is None or i != o.id):
                # It would bring back what was undone here, or what derives from it.
                choice = resolve(k, "undone", content(o), content(t)) if resolve else None
                if choice is None:
                    conflicts[k] = ("undone", content(o), content(t))
                    continue
                if choice == "ours":
                    res = (o.kind if o else None, o.val if o else None, "keep", [o.id] if o else [], "decided")
            if res[0] is CONFLICT:
                conflicts[k] = res[1:]
            else:
                writes[k] = res
        return Plan(writes, conflicts, ks, hs, cand, tuple(agreed))

    def undone(s, A):
        """Versions that the reverts known to a state leave out; a revert that was itself reverted does not count: key by key,
        as a revert of some of its versions leaves the others as they are."""
        K, out = s.K(*A), set()
        for r in sorted((r for r, c in s.commits.items() if c["undid"] and r <= K.get(c["branch"], 0)), reverse=True):
            out |= {(q, k) for q, k in s.commits[r]["undid"] if (r, k) not in out}
        return out

    def bad_by_undo(s, A):
        """What a state's cascading reverts have undone, and all that derives from it by now, on any branch. What contexts
        knew until then counts as told, or they would be suspect for ever; what they read of it afterwards counts."""
        K, U, bad = s.K(*A), s.undone(A), set()
        for r, c in s.commits.items():
            if c["cascade"] and r <= K.get(c["branch"], 0) and set(c["undid"]) <= U:
                whole = {q for q, _ in c["undid"] if all((v.id in U) for v in s.commits[q]["vers"])}
                bad |= s.taint(seeds=set(c["undid"]), commits=whole, told_at=r)[1]
        return bad

    def undone_of(s, k, states):
        out = set()
        for a in states:
            out |= {i for i in s.undone(a) if i[1] == k and i in s.byid and s.byid[i].act == "inc"}
        return out

    def undone_twice(s, k, A, B, hs):
        """By how much both sides took the same increments off since the base: once too often in their sum."""
        if not any(c["undid"] for c in s.commits.values()):
            return 0
        both = {i for i in s.undone(A) & s.undone(B) if i[1] == k and i in s.byid and s.byid[i].act == "inc"}
        for h in hs:
            both -= s.taken_off(h)
        return sum(s.byid[i].extra for i in s.once(both, hs))

    def taken_off(s, h):
        """What a state has had and has undone: one that it only has on record is not."""
        K = s.K(*h)
        return {i for i in s.undone(h) if i in s.byid and i[0] <= K.get(s.byid[i].branch, 0)}

    def all_taken_off(s, hs):
        return {i for h in hs for i in s.taken_off(h)}

    def once(s, ids, hs):
        """Those that the common past had: what it never had was taken off on one side only, whatever the other has on record."""
        ks = [s.K(*h) for h in hs]
        return {i for i in ids if any(i[0] <= k.get(s.byid[i].branch, 0) for k in ks)}

    def merge_key(s, k, o, t, hs, kt, ks, resolve=None, twice=0):
        oc, tc = content(o), content(t)
        is_counter = oc is not ABSENT and tc is not ABSENT and oc[0] == tc[0] == "counter"
        b = s.base(k, hs)
        if b is CONFLICT and not twice:
            # No one base: but a side whose version the other contains has not changed.
            # Where a side has none, what it contains may still have deleted it.
            ours_known = o.rev <= ks.get(o.branch, 0) if o is not None else k not in s.changes_between(ks, kt)
            theirs_known = t.rev <= kt.get(t.branch, 0) if t is not None else k not in s.changes_between(kt, ks)
            if ours_known != theirs_known:
                if theirs_known or oc == tc:
                    return None
                return (t.kind, t.val, "copy", [t.id])
        if b not in (CONFLICT, ABSENT) and b[0] == "counter" and (oc is ABSENT) != (tc is ABSENT):
            # A counter that was moved and came back has changed all the same: against a deletion that is a conflict.
            there, other = (o, ks) if oc is not ABSENT else (t, kt)
            if there.rev > other.get(there.branch, 0):
                b = ("counter", None)
        if b is CONFLICT:
            # No one base: only equal contents agree.
            m = oc if oc == tc and not is_counter else CONFLICT
        else:
            m = merge3(b, oc, tc, o is not None and o.act == "expire", t is not None and t.act == "expire")
            if is_counter and m is not CONFLICT:
                m = ("counter", m[1] + twice)
        decided = False
        if m is CONFLICT:
            choice = resolve(k, b, oc, tc) if resolve else None
            if choice is None:
                return (CONFLICT, b, oc, tc)
            m, decided = (oc if choice == "ours" else tc), True
        if m == oc:
            # A decision against what the other side wrote is a version, else a later criss-cross would not see it.
            if b is not CONFLICT and (tc == b or tc == oc) and not decided:
                return None
            if tc == oc:
                return None
            return (o.kind if o else None, oc[1] if oc is not ABSENT else None, "keep", [o.id] if o else [], "decided" if decided else None)
        if m == tc:
            # A copy if ours had nothing of its own, else a combination all the same.
            made = [x.id for x in ([t] if (oc == b or decided or oc is ABSENT) else [t, o]) if x is not None]
            return (t.kind if t else None, tc[1] if tc is not ABSENT else None, "copy", made, "decided" if decided else None)
        made = [x.id for x in (o, t) if x is not None]
        return (m[0], m[1], "comb", made)

    def merge(s, target, source, at=None, resolve=None, **kw):
        """The revision; None: nothing to merge; the plan: conflicts."""
        p = s.plan(target, source, at, resolve)
        if p.conflicts:
            return p
        S = s.rev if at is None else at
        S = max((c for c in s.byb[source] if c <= S), default=0)
        if s.le(p.K, s.K(target, s.rev)):
            return None
        r = s.commit(target, p.writes, merge=(source, S, p.base, resolve), agreed=p.agreed, **kw)
        s.merges.setdefault(target, []).append((r, source, S))
        return r

    # ---- taint: what derives from a set of versions
    def taint(s, seeds=(), commits=(), excluded=(), told_at=None):
        """What derives from some versions, or from all that some commits wrote: one walk, forward in the order of
        revisions. Returns ({derived commit: why}, the versions that are bad or made of bad ones, {(agent, context):
        since when it knows}: those without a later commit are who has to be told)."""
        bad_c, bad_v, ctx = {}, set(), {}
        notes = sorted(s.notes, key=lambda n: n[0])
        ni = 0
        for r in range(1, s.rev + 1):
            while ni < len(notes) and notes[ni][0] < r:
                _, a, c, ids = notes[ni]
                ni += 1
                if any(i in bad_v for i in ids):
                    ctx.setdefault((a, c), notes[ni - 1][0])
            if r == told_at:
                ctx.clear()
            cm = s.commits[r]
            who = (cm["agent"], cm["context"])
            why = None
            if r in commits:
                why = "seed"
            elif r in excluded or cm["undid"] or cm["merge"]:
                why = None
            elif any(i in bad_v for i in cm["reads"]):
                why = "read"
            elif who in ctx:
                why = "context"
            if any(i in bad_v for i in cm["reads"]):
                ctx.setdefault(who, r)
            if why:
                bad_c[r] = why
                bad_v.update(v.id for v in cm["vers"])
                # Who wrote it knows it.
                ctx.setdefault(who, r)
                continue
            for v in cm["vers"]:
                if v.id in seeds or (r not in excluded and any(i in bad_v for i in v.made)):
                    bad_v.add(v.id)
        for _, a, c, ids in notes[ni:]:
            if any(i in bad_v for i in ids):
                ctx.setdefault((a, c), s.rev)
        return bad_c, bad_v, ctx

    # ---- a key's history with some versions left out
    def clean(s, X, b, k, R, memo=None):
        """Content of k at (b, R) as if the versions for which X(v) holds had never been written. CONFLICT if it can't be told."""
        memo = {} if memo is None else memo
        v = s.read(b, k, R)
        # Merges on the line, after the version, that found the same content on both sides.
        for lb, up in s.levels(b, R):
            if v is not None and v.branch != lb and lb not in [x for x, _ in s.levels(b, R)]:
                break
            for r, sb, sr in reversed(s.merges.get(lb, ())):
                if r <= up and (v is None or r > v.rev) and k in s.commits[r]["agreed"]:
                    key = ("agreed", r, k)
                    if key not in memo:
                        memo[key] = s.clean_agreed(X, lb, k, r, memo)
                    return memo[key]
            if v is not None and v.branch == lb:
                break
        if v is None:
            return ABSENT
        key = v.id
        if key in memo:
            return memo[key]
        memo[key] = m = s.clean_version(X, v, b, memo)
        return m

    def clean_agreed(s, X, b, k, r, memo):
        sb, sr, hs, _ = s.commits[r]["merge"]
        co, ct = s.clean(X, b, k, r - 1, memo), s.clean(X, sb, k, sr, memo)
        o = content(s.read(b, k, r - 1))
        if co == o and ct == content(s.read(sb, k, sr)):
            return o
        if CONFLICT in (co, ct):
            return CONFLICT
        cb = s.clean_base(X, k, hs, memo)
        return (co if co == ct else CONFLICT) if cb is CONFLICT else s.redo(X, cb, co, ct, k, b, r, sb, sr, hs)

    def redo(s, X, cb, co, ct, k, b, r, sb, sr, hs):
        m = merge3(cb, co, ct)
        if m is not CONFLICT and m is not ABSENT and m[0] == "counter" and co is not ABSENT and ct is not ABSENT:
            both = s.once(s.undone_of(k, [(b, r - 1)]) & s.undone_of(k, [(sb, sr)]) - s.all_taken_off(hs), hs)
            m = ("counter", m[1] + sum(s.byid[i].extra for i in both if not X(s.byid[i])))
        return m

    def clean_version(s, X, v, b, memo):
        k = v.key
        # Before v, on the line that v was written on.
        before = lambda: s.clean(X, v.branch, k, v.rev - 1, memo)
        if X(v):
            return before()
        cm = s.commits[v.rev]
        if v.act in ("put", "del", "expire"):
            return content(v)
        if v.act in ("inc", "app", "pat", "edit"):
            p = content(s.read(v.branch, k, v.rev - 1))
            c = before()
            if c == p:
                return content(v)
            if c is CONFLICT:
                return CONFLICT
            if v.act == "inc":
                return ("counter", (c[1] if c is not ABSENT else 0) + v.extra)
            if v.act == "app":
                return ("log", (c[1] if c is not ABSENT else ()) + (v.extra,))
            return merge3(p, c, content(v))
        if v.act in ("copy", "comb", "keep") and cm["merge"]:
            sb, sr, hs, _ = cm["merge"]
            o, t = s.read(v.branch, k, v.rev - 1), s.read(sb, k, sr)
            co, ct = before(), s.clean(X, sb, k, sr, memo)
            if v.extra == "decided" and (ct == content(t) if v.act == "copy" else co == content(o)):
                return content(v)  # somebody chose this side, and it is as it was
            cb0 = s.base(k, hs)
            if co == content(o) and ct == content(t):
                return content(v)
            if CONFLICT in (co, ct):
                return CONFLICT
            cb = s.clean_base(X, k, hs, memo)
            if cb is CONFLICT:
                m = co if co == ct else CONFLICT
            else:
                m = s.redo(X, cb, co, ct, k, v.branch, v.rev, sb, sr, hs)
            if m is CONFLICT:
                # The side that loses nothing stands.
                if co == content(o) and ct != content(t) and v.act != "comb":
                    return co if ct == cb0 else CONFLICT
                return CONFLICT
            return m
        if v.act == "restore":  # of a version by rollback
            w = s.byid.get(v.made[0]) if v.made else None
            if w is None:
                return content(v)
            return s.clean(X, w.branch, k, w.rev, memo)
        if v.act == "undo":
            undid = cm["undid"]
            Y = lambda w: X(w) or w.id in undid or w.rev in undid
            return s.clean(Y, v.branch, k, v.rev - 1)
        raise AssertionError(v.act)

    def clean_base(s, X, k, hs, memo):
        cs = [s.clean(X, b, k, r, memo) for b, r in hs]
        if CONFLICT in cs:
            return CONFLICT
        first = cs[0]
        if all(c == first for c in cs):
            return first
        return CONFLICT

    def made_of(s, b, k, R, X):
        """The versions that a cleaned content is made of: for the provenance of the undo's own versions."""
        v = s.read(b, k, R)
        for lb, up in s.levels(b, R):
            for r, sb, sr in reversed(s.merges.get(lb, ())):
                if r <= up and (v is None or r > v.rev) and k in s.commits[r]["agreed"]:
                    made = s.made_of_merge(X, lb, k, r, None, True)
                    if made is not None:
                        return made
                    break
            else:
                if v is not None and v.branch == lb:
                    break
                continue
            break
        if v is None:
            return []
        if X(v):
            return s.made_of(v.branch, k, v.rev - 1, X)
        # A deletion, and what an undo came down to, may hang on what is left out without being made of it.
        if v.act != "undo" and not any_bad(s, v, X) and s.clean(X, v.branch, k, v.rev) in (content(v), CONFLICT):
            return [v.id]
        if v.act in ("put", "del", "expire"):
            return [v.id]
        if v.act in ("inc", "app", "pat", "edit"):
            return s.made_of(v.branch, k, v.rev - 1, X)
        if v.act == "restore":
            w = s.byid.get(v.made[0]) if v.made else None
            return s.made_of(w.branch, k, w.rev, X) if w is not None else []
        if v.act == "undo":
            undid = s.commits[v.rev]["undid"]
            return s.made_of(v.branch, k, v.rev - 1, lambda w: X(w) or w.id in undid or w.rev in undid)
        return s.made_of_merge(X, v.branch, k, v.rev, v.act if v.extra == "decided" else None, False)

    def made_of_merge(s, X, b, k, r, choice, if_other):
        """What a merge's two sides, cleaned, were made of: of both, or of the one that differs from what they had in common."""
        sb, sr, hs, _ = s.commits[r]["merge"]
        o, t = content(s.read(b, k, r - 1)), content(s.read(sb, k, sr))
        co, ct = s.clean(X, b, k, r - 1), s.clean(X, sb, k, sr)
        if if_other and co == o and ct == t:
            return None
        ours, theirs = (lambda: s.made_of(b, k, r - 1, X)), (lambda: s.made_of(sb, k, sr, X))
        if choice == "copy" and ct == t:
            return theirs()
        if choice == "keep" and co == o:
            return ours()
        if CONFLICT in (co, ct):
            return ours() + theirs()
        cb = s.clean_base(X, k, hs, {})
        if cb == ct:
            return ours()
        if cb == co:
            return theirs()
        return ours() + theirs()

    def revert(s, b, ids, commits=(), agent="op", context="undo", cascade=False):
        """One commit on b that leaves the versions `ids` and those of `commits` out. Returns (revision or None, conflicts)."""
        bad = set(ids)
        bad.update(v.id for r in commits for v in s.commits[r]["vers"])
        X = lambda v: v.id in bad
        writes, conflicts = {}, []
        for k in sorted({k for _, k in bad} & set(s.keys())):
            v = s.read(b, k)
            c = s.clean(X, b, k, s.rev)
            if c is CONFLICT:
                conflicts.append(k)
            elif c != content(v) or (v is not None and (X(v) or any_bad(s, v, X))):
                # Also where the content comes out the same: who reads it from now on has not read the bad one.
                kind, val = (c if c is not ABSENT else (None, None))
                writes[k] = (kind, val, "undo", s.made_of(b, k, s.rev, X))
        if not writes:
            return None, conflicts
        # What it leaves out: all versions asked for, and so all of them are never brought back by a merge.
        return s.commit(b, writes, agent=agent, context=context, undid=tuple(sorted(bad)), cascade=cascade), conflicts

    def rollback(s, b, R, prefix="", respelled=()):
        """respelled: keys that come back to the letter, though they say the same as now."""
        writes = {}
        for k in s.keys():
            if not k.startswith(prefix):
                continue
            now, then = s.read(b, k), s.read(b, k, R)
            if content(now) != content(then) or k in respelled:
                kind, val = content(then) if content(then) is not ABSENT else (None, None)
                writes[k] = (kind, val, "restore", [then.id] if then is not None else [])
        return s.commit(b, writes, agent="op", context="rollback") if writes else None


def any_bad(s, v, X, seen=None):
    seen = set() if seen is None else seen
    for i in v.made:
        if i in seen:
            continue
        seen.add(i)
        w = s.byid.get(i)
        if w is not None and (X(w) or any_bad(s, w, X, seen)):
            return True
    return False
