# Makes parents.txt, the page that test_parents.c of the wing page wants of a parent and its children: python3 parents.py >parents.txt
# Series of all registries sort as one: by the number of labels, then by the unescaped values in the order of the sorted
# label names, byte by byte, const labels among them; names decide what is left.
import sys

REGISTRIES = [
    {}, {"a": "1"}, {"c": "1"}, {"c": "0\n"}, {"e": "x"}, {"a": "1", "c": "2"}, {"a": "1", "e": "x"},
    {"c": 'x"', "e": ""}, {"f": "x"}, {"a": "", "c": "x\\"},
]
VALUES = ["", "x", "x!", "x\n", 'x"', "x\\", "1", "2", "\u00e9", "0\n"]


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def key(row):
    pairs = sorted(row[0].items())
    return len(pairs), [value.encode() for _, value in pairs], [name for name, _ in pairs]


def line(name, pairs, value, last=""):
    inside = ",".join(['%s="%s"' % (k, escaped(v)) for k, v in sorted(pairs.items())] + ([last] if last else []))
    return "%s%s %d\n" % (name, "{%s}" % inside if inside else "", value)


gauges, histograms = [], []
for r, const in enumerate(REGISTRIES):
    for i, d in enumerate(VALUES):
        for k, b in enumerate(VALUES):
            if (i * 7 + k * 3 + r * 5) % 4 == 0:
                gauges.append((dict(const, d=d, b=b), r * 1000 + i * 10 + k))
        if (i + r) % 3:
            histograms.append((dict(const, d=d), r))
for rows in gauges, histograms:
    assert len({tuple(sorted((k, v) for k, v in pairs.items() if v)) for pairs, _ in rows}) == len(rows)
    rows.sort(key=key)
out = ["# HELP m M.\n# TYPE m gauge\n"]
out += [line("m", pairs, value) for pairs, value in gauges]
out += ["# HELP n N.\n# TYPE n histogram\n"]
for pairs, r in histograms:
    # One observation of the registry's number; bounds are half of it, and twice for every other one.
    bounds = ["%g" % (r / 2 + 0.25)] + (["%g" % (r * 2 + 0.5)] if r % 2 else [])
    out += [line("n_bucket", pairs, float(bound) >= r, 'le="%s"' % bound) for bound in bounds + ["inf"]]
    out += [line("n_sum", pairs, r), line("n_count", pairs, 1)]
text = "".join(out).replace('le="inf"', 'le="+Inf"')
sys.stdout.buffer.write(text.encode())
