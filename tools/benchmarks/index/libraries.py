"""The index libraries that nearhit is compared with: one class each, made with the vectors and asked with an EF.

Vectors have length one, so squared L2 distance, inner product and cosine rank alike. All graphs are of one size, as far as
their kinds allow: M 16 (32 links a node at most on the lowest layer), 200 candidates while building. Every library answers
all queries in one call with one thread, so that what Python adds to a query does not count.
"""

import dataclasses
import pathlib
import tempfile

COUNT = 10
M, DEGREE, EF_CONSTRUCTION = 16, 32, 200


class Hnswlib:
    """hnswlib: float32."""

    def __init__(self, base, threads):
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(base, num_threads=threads)

    def search(self, queries, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, COUNT, num_threads=1)[0]


class Faiss:
    """faiss: HNSW over float32, or over one byte per component."""

    def __init__(self, base, threads, sq8=False):
        import faiss

        faiss.omp_set_num_threads(threads)
        dim = base.shape[1]
        self.index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, M) if sq8 else faiss.IndexHNSWFlat(dim, M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.train(base)
        self.index.add(base)
        faiss.omp_set_num_threads(1)

    def search(self, queries, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, COUNT)[1]


class Usearch:
    """usearch: HNSW over half floats or bytes."""

    def __init__(self, base, threads, dtype):
        import numpy as np
        from usearch.index import Index

        self.index = Index(ndim=base.shape[1], metric="cos", dtype=dtype, connectivity=M, expansion_add=EF_CONSTRUCTION)
        self.index.add(np.arange(len(base)), base, threads=threads)

    def search(self, queries, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, COUNT, threads=1).keys


class Svs:
    """SVS: Vamana over float32, or over LVQ codes of so many bits, and so many more to rank by."""

    def __init__(self, base, threads, bits=None):
        import svs

        parameters = svs.VamanaBuildParameters(graph_max_degree=DEGREE, window_size=EF_CONSTRUCTION)
        with tempfile.TemporaryDirectory() as folder:
            data = base if bits is None else self.loader(base, pathlib.Path(folder) / "base.fvecs", *bits)
            self.index = svs.Vamana.build(parameters, data, svs.DistanceType.L2, num_threads=threads)
        self.index.num_threads = 1

    @staticmethod
    def loader(base, path, primary, residual):
        """LVQ encodes from a file."""
        import svs

        svs.write_vecs(base, str(path))
        return svs.LVQLoader(svs.VectorDataLoader(str(path), svs.float32, base.shape[1]), primary=primary, residual=residual)

    def search(self, queries, ef):
        self.index.search_window_size = ef
        return self.index.search(queries, COUNT)[0]


class RabitqHnsw:
    """RaBitQ-Library: HNSW over RaBitQ codes, relative to 16 centroids."""

    CENTROIDS = 16

    def __init__(self, base, threads, bits):
        import rabitqlib

        n, dim = base.shape
        clustering = rabitqlib.RaBitQKMeans(dim, self.CENTROIDS, num_threads=threads)
        clustering.train(base)
        self.index = rabitqlib.HnswIndex(dim, n, M=M, ef_construction=EF_CONSTRUCTION, nbits=bits)
        self.index.build(base, clustering.centroids, clustering.assignments, num_threads=threads)

    def search(self, queries, ef):
        return self.index.search(queries, COUNT, ef=ef, num_threads=1)[0]


class SymphonyQG:
    """RaBitQ-Library: SymphonyQG, whose nodes hold their neighbours' codes and their own vector."""

    def __init__(self, base, threads, bits=0):
        import rabitqlib

        self.index = rabitqlib.SymqgIndex(base.shape[1], DEGREE, quantization_bits=bits)
        self.index.build(base, EF_CONSTRUCTION, num_threads=threads)

    def search(self, queries, ef):
        return self.index.search(queries, COUNT, ef=ef, num_threads=1)[0]


class Glass:
    """Glass: HNSW searched over bytes. The only wheels there are have no AVX-512."""

    def __init__(self, base, threads):
        import glass

        glass.set_num_threads(threads)
        graph = glass.Index("HNSW", "L2", "FP32", R=DEGREE, L=EF_CONSTRUCTION).build(base)
        self.searcher = glass.Searcher(graph, base, "L2", "SQ8U")
        glass.set_num_threads(1)

    def search(self, queries, ef):
        self.searcher.set_ef(ef)
        return self.searcher.batch_search(queries, COUNT, num_threads=1)[0].reshape(-1, COUNT)


@dataclasses.dataclass(frozen=True)
class Library:
    """The title it has in tables, the package it comes in, and how it is made. A static one cannot be changed later."""

    title: str
    package: str
    make: type
    options: dict = dataclasses.field(default_factory=dict)


FAISS, USEARCH, SVS, RABITQ = "faiss-cpu==1.15.1", "usearch==2.26.6", "scalable-vs==0.5.0", "rabitqlib==0.7.1"
LIBRARIES = {
    "hnswlib": Library("hnswlib", "hnswlib==0.8.0", Hnswlib),
    "faiss": Library("faiss HNSW", FAISS, Faiss),
    "faiss-sq8": Library("faiss HNSW-SQ8", FAISS, Faiss, {"sq8": True}),
    "usearch-f16": Library("usearch f16", USEARCH, Usearch, {"dtype": "f16"}),
    "usearch-i8": Library("usearch i8", USEARCH, Usearch, {"dtype": "i8"}),
    "svs": Library("SVS Vamana, static", SVS, Svs),
    "svs-lvq8": Library("SVS Vamana LVQ8, static", SVS, Svs, {"bits": (8, 0)}),
    "svs-lvq4x8": Library("SVS Vamana LVQ4x8, static", SVS, Svs, {"bits": (4, 8)}),
    "rabitq-hnsw": Library("RaBitQ HNSW, 5 bits", RABITQ, RabitqHnsw, {"bits": 5}),
    "symphonyqg": Library("SymphonyQG, static", RABITQ, SymphonyQG),
    "symphonyqg-8": Library("SymphonyQG, 8 bits, static", RABITQ, SymphonyQG, {"bits": 8}),
    "glass": Library("Glass HNSW SQ8, static", "pyglass-portable==2.1.0", Glass),
}
