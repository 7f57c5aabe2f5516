"""What else could answer: FTS5 for words, and what PyPI has for vectors. Each is given the same records, and asked one question
at a time in this process, where the broker is asked through a socket."""

import random
import sqlite3
import struct

DIMENSIONS = 384


class FTS5:
    """At the head alone: it knows neither revisions nor branches."""
    name = "FTS5 (porter unicode61, bm25)"

    def __init__(self, directory, texts):
        self.path = directory / "fts5.db"
        self.db = sqlite3.connect(self.path)
        self.db.execute("PRAGMA cache_size = -8192")
        self.db.execute("CREATE VIRTUAL TABLE t USING fts5(x, content='', tokenize='porter unicode61')")
        self.db.executemany("INSERT INTO t(rowid, x) VALUES(?, ?)", enumerate(texts, 1))
        self.db.commit()
        self.db.execute("INSERT INTO t(t) VALUES('optimize')")
        self.db.commit()

    def ask(self, question):
        match = " OR ".join(f'"{word}"' for word in question.split())
        return self.db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 10", [match]).fetchall()

    @property
    def bytes(self):
        return self.path.stat().st_size


def vectors(count, seed=1):
    """Of unit length; what a scan costs does not hang on what they mean."""
    dice = random.Random(seed)
    for _ in range(count):
        made = [dice.gauss(0, 1) for _ in range(DIMENSIONS)]
        length = sum(each * each for each in made) ** .5
        yield [each / length for each in made]


class SQLiteVec:
    name = "sqlite-vec (exact, float)"
    kind = "float"

    def __init__(self, directory, count):
        import sqlite_vec
        # Python's own often loads no extensions.
        try:
            import pysqlite3 as sqlite3
        except ImportError:
            import sqlite3
        self.path = directory / f"vec-{self.kind}.db"
        self.db = sqlite3.connect(self.path)
        self.db.enable_load_extension(True)
        sqlite_vec.load(self.db)
        self.db.execute(f"CREATE VIRTUAL TABLE v USING vec0(e {self.kind}[{DIMENSIONS}] distance_metric=cosine)")
        self.db.executemany(f"INSERT INTO v(rowid, e) VALUES(?, {self.made})",
                            ((number, self.packed(each)) for number, each in enumerate(vectors(count), 1)))
        self.db.commit()

    made = "?"

    @staticmethod
    def packed(vector):
        return struct.pack(f"{DIMENSIONS}f", *vector)

    def ask(self, vector):
        return self.db.execute(
            f"SELECT rowid FROM v WHERE e MATCH {self.made} AND k = 10 ORDER BY distance", [self.packed(vector)]).fetchall()

    @property
    def bytes(self):
        return self.path.stat().st_size


class SQLiteVecBytes(SQLiteVec):
    name = "sqlite-vec (exact, int8)"
    kind = "int8"
    made = "vec_int8(?)"

    @staticmethod
    def packed(vector):
        most = max(map(abs, vector))
        return struct.pack(f"{DIMENSIONS}b", *(round(each / most * 127) for each in vector))


class Chroma:
    name = "chromadb (HNSW)"

    def __init__(self, directory, count):
        import chromadb
        self.path = directory / "chroma"
        made = list(vectors(count))
        self.found = chromadb.PersistentClient(str(self.path)).create_collection("vectors", metadata={"hnsw:space": "cosine"})
        for start in range(0, count, 5000):
            ids = [str(number) for number in range(start, min(start + 5000, count))]
            self.found.add(ids=ids, embeddings=made[start:start + 5000])

    def ask(self, vector):
        return self.found.query(query_embeddings=[vector], n_results=10)["ids"][0]

    @property
    def bytes(self):
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


class Lance:
    name = "lancedb (exact)"

    def __init__(self, directory, count):
        import lancedb
        self.path = directory / "lance"
        rows = [{"id": number, "vector": each} for number, each in enumerate(vectors(count))]
        self.table = lancedb.connect(str(self.path)).create_table("v", rows)

    def ask(self, vector):
        return self.table.search(vector).metric("cosine").limit(10).to_list()

    bytes = Chroma.bytes


VECTOR_PEERS = {"sqlite-vec": SQLiteVec, "sqlite-vec-int8": SQLiteVecBytes, "chromadb": Chroma, "lancedb": Lance}
