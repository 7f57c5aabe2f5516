"""The generated protobuf modules, made from protos/ at start-up into a temporary directory.

    from membus_protos import bus, errors, memory
"""
import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTOS = pathlib.Path(os.environ.get("MEMBUS_PROTOS") or pathlib.Path(__file__).resolve().parents[3] / "protos")


def _generate() -> str:
    target = tempfile.mkdtemp(prefix="membus-pb2-")
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    arguments = [f"-I{PROTOS}", f"--python_out={target}", *map(str, sorted(PROTOS.glob("membus/v1/*.proto")))]
    try:
        import grpc_tools  # noqa: F401
        compiler = [sys.executable, "-m", "grpc_tools.protoc"]
    except ImportError:
        compiler = ["protoc"]
    subprocess.run([*compiler, *arguments], check=True)
    return target


sys.path.insert(0, _generate())

from membus.v1 import bus_pb2 as bus, errors_pb2 as errors, memory_pb2 as memory  # noqa: E402,F401
