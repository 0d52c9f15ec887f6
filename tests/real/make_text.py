#!/usr/bin/python3
"""tests/real/make_text.py MEBIBYTES SEED: text on stdout, the same for the same arguments, for the programs to chew on."""
import random
import sys

mebibytes, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
letters = "etaoinshrdlucmfwypvbgkjqxz"
weights = [26 - i for i in range(26)]
words = ["".join(rng.choices(letters, weights, k=rng.randint(2, 11))) for _ in range(20000)]
left = mebibytes << 20
while left > 0:
    line = " ".join(rng.choices(words, k=rng.randint(5, 16))) + "\n"
    sys.stdout.write(line)
    left -= len(line)
