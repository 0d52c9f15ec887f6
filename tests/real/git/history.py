"""Prints a git fast-import stream: 400 commits over 300 files, the same every time."""
import random
import sys

rng = random.Random(5)
words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(3000)]
out = sys.stdout.buffer


def line():
    return " ".join(rng.choices(words, k=rng.randint(3, 12)))


files = {f"dir{i % 17}/file{i}.txt": [line() for _ in range(rng.randint(50, 400))] for i in range(300)}


def write(path):
    data = ("\n".join(files[path]) + "\n").encode()
    out.write(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")


for commit in range(400):
    changed = list(files) if commit == 0 else rng.sample(list(files), 12)
    for path in changed if commit else []:
        for _ in range(rng.randint(1, 9)):
            files[path][rng.randrange(len(files[path]))] = line()
    message = f"commit {commit}".encode()
    out.write(f"commit refs/heads/main\ncommitter A U Thor <a@example.com> {1700000000 + commit * 60} +0000\n".encode())
    out.write(f"data {len(message)}\n".encode() + message + b"\n")
    for path in changed:
        write(path)
