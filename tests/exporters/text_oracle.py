"""Pages at random, written in all the ways that the text format allows, through the parser of the exporters and onto a
page of the library. What is on that page, the parser of Python's prometheus_client says; what should be, the generator knows.

text_oracle.py PROGRAM [PAGES [SEED]]
"""

import math
import random
import subprocess
import sys

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    print("SKIPPED text_oracle: no prometheus_client")
    sys.exit(77)

LETTERS = 'ab1_ \\"\n\t{},=#äß€\U0001f600\x01\x7f'


def escape(text, quotes):
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def number(rng):
    """A value, and a way to write it."""
    value = rng.choice([0.0, 1.0, -1.5, 1e6, 12345.678, 5e-324, 1.7976931348623157e308, rng.uniform(-1e9, 1e9),
                        rng.gauss(0, 1), math.inf, -math.inf, math.nan, float(rng.randrange(1 << 40))])
    if math.isnan(value):
        return value, rng.choice(["NaN", "nan", "NAN"])
    if math.isinf(value):
        return value, rng.choice(["+Inf", "inf", "+infinity", "Inf"] if value > 0 else ["-Inf", "-inf", "-INFINITY"])
    ways = [repr(value), "%.17g" % value, "%.20e" % value, "%E" % value]
    if value == int(value) and abs(value) < 1e15:
        ways += ["%d" % value, "%d." % value]
    if value >= 0:
        ways.append("+" + repr(value))
    text = rng.choice(ways)
    return float(text), text


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.samples = {}  # (name, frozenset of label pairs): value
        self.families = {}  # name: (type, help)

    def blank(self, least=0):
        return "".join(self.rng.choice(" \t") for _ in range(least + self.rng.choice([0, 0, 0, 1, 2])))

    def labels(self, labels):
        rng = self.rng
        if not labels:
            return rng.choice(["", "", "{}", "{ }"])
        items = list(labels.items())
        rng.shuffle(items)
        blank = self.blank
        text = ",".join('%s%s%s=%s"%s"%s' % (blank(), name, blank(), blank(), escape(value, True), blank())
                        for name, value in items)
        return "{" + text + rng.choice(["", ","]) + self.blank() + "}"

    def sample(self, name, labels, value, text):
        there = {(k, v) for k, v in labels.items() if v}
        self.samples[name, frozenset(there)] = value
        braces = self.labels(labels)
        least = 0 if braces else 1
        return "%s%s%s%s%s%s\n" % (self.blank(), name, self.blank(least), braces, self.blank(least), text)

    def label_sets(self):
        rng = self.rng
        sets = {}
        for _ in range(rng.randrange(1, 6)):
            names = rng.sample(["a", "b", "c_1", "_d", "E"], rng.randrange(0, 4))
            labels = {name: "".join(rng.choice(LETTERS) for _ in range(rng.randrange(0, 8))) for name in names}
            sets[frozenset((k, v) for k, v in labels.items() if v)] = labels
        return list(sets.values())

    def family(self, index):
        rng = self.rng
        kind = rng.choice(["counter", "gauge", "untyped", "histogram", "summary"])
        name = "%s%d%s" % (rng.choice(["m", "m:n_", "_M"]), index, "_total" if kind == "counter" else "")
        head, lines = [], []
        text = "".join(rng.choice(LETTERS) for _ in range(rng.randrange(1, 20))).strip(" \t")
        described = bool(text) and rng.random() < .7
        if described:
            head.append("#%sHELP%s%s%s%s\n" % (self.blank(), self.blank(1), name, self.blank(1), escape(text, False)))
        if kind != "untyped" or rng.random() < .5:
            head.append("#%sTYPE%s%s%s%s\n" % (self.blank(), self.blank(1), name, self.blank(1), kind))
        rng.shuffle(head)
        self.families[name] = (kind, text if described else "")
        for labels in self.label_sets():
            if kind not in ("histogram", "summary"):
                lines.append(self.sample(name, labels, *number(rng)))
                continue
            count = 0
            there = {(k, v) for k, v in labels.items() if v}
            if kind == "histogram":
                for bound in sorted(rng.sample([.005, .1, 1, 2.5, 10, 1000000, -3], rng.randrange(0, 5))) + [math.inf]:
                    count += rng.randrange(0, 100)
                    self.samples[name + "_bucket", frozenset(there | {("le", bound)})] = float(count)
                    written = "+Inf" if math.isinf(bound) else rng.choice([repr(float(bound)), "%e" % bound])
                    if not math.isinf(bound) or rng.random() < .8:
                        lines.append("%s_bucket%s %d\n" % (name, self.labels({**labels, "le": written}), count))
            else:
                count = rng.randrange(0, 1 << 50)
                for quantile in rng.sample([0, .5, .9, .99, 1], rng.randrange(0, 4)):
                    value, written = number(rng)
                    self.samples[name, frozenset(there | {("quantile", quantile)})] = value
                    braces = self.labels({**labels, "quantile": repr(float(quantile))})
                    lines.append("%s%s %s\n" % (name, braces, written))
            lines.append(self.sample(name + "_sum", labels, *number(rng)))
            lines.append(self.sample(name + "_count", labels, float(count), rng.choice(["%d", "%d.0"]) % count))
        rng.shuffle(lines)
        return head, lines

    def page(self):
        """Heads come before all their samples; otherwise the lines of the families stand mixed."""
        rng = self.rng
        pieces = []
        for index in range(rng.randrange(0, 8)):
            head, lines = self.family(index)
            places = sorted(rng.random() for _ in lines)
            start = places[0] if rng.random() < .5 else 0
            pieces += [(start, 0, index, line) for line in head]
            pieces += [(place, 1, index, line) for place, line in zip(places, lines)]
        pieces.sort(key=lambda piece: piece[:3])
        text = ""
        for piece in pieces:
            text += piece[3] + rng.choice(["", "", "", "\n", " \t\n", "# a comment \\x\n", "#\n", "#HELPER x\n"])
        return text


def key(sample):
    labels = {(k, float(v) if k in ("le", "quantile") else v) for k, v in sample.labels.items()}
    return sample.name, frozenset(labels)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def main(program, pages="300", seed="1"):
    for number_of_page in range(int(pages)):
        writer = Writer(random.Random("%s %d" % (seed, number_of_page)))
        text = writer.page()
        done = subprocess.run([program], input=text.encode(), capture_output=True, check=False)
        assert done.returncode == 0, "page %d: %s\n%s" % (number_of_page, done.stderr.decode(), text)
        found, families = {}, {}
        for family in text_string_to_metric_families(done.stdout.decode()):
            name = family.name + "_total" if family.type == "counter" else family.name
            families[name] = ("untyped" if family.type == "unknown" else family.type, family.documentation)
            for sample in family.samples:
                assert key(sample) not in found, sample
                found[key(sample)] = sample.value
        assert families == writer.families, (number_of_page, families, writer.families)
        assert found.keys() == writer.samples.keys(), (number_of_page, found.keys() ^ writer.samples.keys())
        for at, value in found.items():
            assert same(value, writer.samples[at]), (number_of_page, at, value, writer.samples[at])
    print("%s pages are as they should be" % pages)


if __name__ == "__main__":
    main(*sys.argv[1:])
