import pytest

from thriftune.errors import InputError
from thriftune.plan.devices import available_bytes, gpu, this_machine
from thriftune.recipe.plan import parse_size

MEMINFO = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   16000000 kB\n"


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_what_is_available_counts_without_a_control_group(tmp_path):
    write(tmp_path, "proc/meminfo", MEMINFO)
    assert available_bytes(tmp_path) == 16_000_000 * 1024


@pytest.mark.parametrize(
    ("folder", "limit", "usage", "cache"),
    [
        ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_control_group_bounds_it_and_its_file_cache_can_be_given_back(tmp_path, folder, limit, usage, cache):
    write(tmp_path, "proc/meminfo", MEMINFO)
    for name, text in (
        (limit, "4000000000\n"),
        (usage, "1500000000\n"),
        ("memory.stat", f"anon 1\n{cache} 500000000\n"),
    ):
        write(tmp_path, f"{folder}/{name}", text)
    assert available_bytes(tmp_path) == 3_000_000_000


def test_no_limit_is_no_limit(tmp_path):
    write(tmp_path, "proc/meminfo", MEMINFO)
    for name, text in (("memory.max", "max\n"), ("memory.current", "1\n"), ("memory.stat", "inactive_file 0\n")):
        write(tmp_path, f"sys/fs/cgroup/{name}", text)
    assert available_bytes(tmp_path) == 16_000_000 * 1024


def test_a_system_that_does_not_say_is_told_what_to_do(tmp_path):
    with pytest.raises(InputError, match="--memory"):
        available_bytes(tmp_path)


def test_gpus_are_known_by_short_names():
    assert gpu("t4").bytes == 16 * 10**9 and not gpu("T4").bf16
    assert gpu("RTX 4090").kind == "cuda" and gpu("4090").fixed > 0
    with pytest.raises(InputError, match="a100"):
        gpu("quantum")


def test_this_machine_can_be_given_other_memory():
    assert this_machine(123).bytes == 123 and this_machine().bytes > 10**8


@pytest.mark.parametrize(("text", "size"), [("16GB", 16 * 10**9), ("1.5 GiB", 3 * 2**29), ("300MB", 3 * 10**8)])
def test_sizes_are_read(text, size):
    assert parse_size(text) == size
