"""LangGraph's conformance kit for checkpointers, on Membus's: each of its cases, and its own report."""

import importlib
import os
import uuid

import membus
import membus.aio
import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from membus.integrations.langgraph_checkpoint import MembusSaver

PARTS = ("put", "put_writes", "get_tuple", "list", "delete_thread", "delete_for_runs", "copy_thread", "prune")
CASES = [
    case for part in PARTS
    for case in getattr(importlib.import_module(f"langgraph.checkpoint.conformance.spec.test_{part}"), f"ALL_{part.upper()}_TESTS")]
#: "aio": the memory of membus.aio; "threads": the one that waits.
WAY = os.environ["MEMBUS_WAY"]


def saver(memory):
    return MembusSaver(memory, prefix=f"judged/{uuid.uuid4().hex}/")


class Waiting:
    async def __aenter__(self):
        self.memory = membus.connect(agent="judge")
        return self.memory

    async def __aexit__(self, *_):
        self.memory.close()


def connected():
    return membus.aio.connect(agent="judge") if WAY == "aio" else Waiting()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_conformance(case):
    async with connected() as memory:
        await case(saver(memory))


async def test_the_kits_report_passes_all_of_them():
    @checkpointer_test(name="MembusSaver")
    async def made():
        async with connected() as memory:
            yield saver(memory)

    report = await validate(made)
    assert report.passed_all() and sum(result.tests_passed for result in report.results.values()) == len(CASES) == 58 + 23
