"""The extension: where libmembus is, MEMBUS_LIBRARY says (its directory). deploy/wheel calls this."""

import os
from pathlib import Path

from setuptools import Extension, setup

library = os.environ["MEMBUS_LIBRARY"]
headers = os.environ.get("MEMBUS_HEADERS", "../Door/C/include")

setup(
    ext_modules=[
        Extension(
            "membus._core",
            [str(path) for path in sorted(Path("core").glob("*.c"))],
            depends=["core/core.h"],
            include_dirs=[headers],
            library_dirs=[library],
            libraries=["membus"],
            runtime_library_dirs=["$ORIGIN"],
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
