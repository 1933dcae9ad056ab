"""The first run of a fresh process: two threads ask for the data at the same moment."""

import subprocess
import sys

from plastlab.data import Mnist1d

SCRIPT = """
import threading
from plastlab.data import Mnist1d
start, drawn = threading.Barrier(2), []
def draw():
    start.wait()
    drawn.append(Mnist1d(examples=100).draw((0,)).x)
threads = [threading.Thread(target=draw) for _ in range(2)]
[t.start() for t in threads]
[t.join() for t in threads]
print([float(x.double().sum()) for x in drawn])
"""


def test_mnist1d_is_the_same_when_two_threads_make_it_at_once():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = float(Mnist1d(examples=100).draw((0,)).x.double().sum())
    assert done.stdout.split() == [f"[{expected},", f"{expected}]"]
