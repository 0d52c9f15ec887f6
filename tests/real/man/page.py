"""Prints a manual page of many sections, tables and equations' worth of groff work."""
import random

rng = random.Random(2)
words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(500)]


def text(n):
    return " ".join(rng.choices(words, k=n))


print("'\\\" t\n.TH BIG 1 2024-01-01 Gamelan Test\n.SH NAME\nbig \\- a big page")
for section in range(60):
    print(f".SH SECTION {section}\n{text(200)}\n.PP\n\\fB{text(3)}\\fR {text(80)}")
    for option in range(20):
        print(f".TP\n.BI \\-\\-{rng.choice(words)} = {rng.choice(words)}\n{text(40)}")
    print(".TS\nallbox;\nl c r.")
    for row in range(12):
        print("\t".join(rng.choices(words, k=3)))
    print(".TE\n.nf")
    for line in range(10):
        print(text(6))
    print(".fi")
