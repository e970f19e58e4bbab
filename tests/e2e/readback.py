# Reads a page from stdin with the parser of python3-prometheus-client, and prints what test_promtool.c compares: a line
# for each family, and one for each sample. Texts are in hex, so that a line is a line. Ends with 77 without the package.
import math
import struct
import sys

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError as why:
    print(why)
    sys.exit(77)


def hexed(text):
    return text.encode().hex()


page = sys.stdin.buffer.read().decode()
for family in text_string_to_metric_families(page):
    print("family", family.name, family.type, hexed(family.documentation))
    for sample in family.samples:
        labels = ["%s=%s" % (name, hexed(value)) for name, value in sorted(sample.labels.items())]
        bits = "nan" if math.isnan(sample.value) else struct.pack(">d", sample.value).hex()
        time = "-" if sample.timestamp is None else str(round(sample.timestamp * 1000))
        print(" ".join([sample.name] + labels + [bits, time]))
