# Reads OpenMetrics pages with the parser of python3-prometheus-client. The tests put every page there that they read,
# if CPROM_TEST_OPENMETRICS names a directory; run.sh asks for it and then runs
#
#   python3 openmetrics.py DIRECTORY_OR_FILE...
#
# Prints what was rejected and why, ends with 1 if anything was, with 77 if the package is missing.
import os
import re
import sys

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError as why:
    print(why)
    sys.exit(77)

# A sample up to its value. Braces, blanks and escaped quotes may stand in label values.
SAMPLE = r'([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z0-9_]+="(?:[^"\\]|\\.)*",?)*\})?) '


def value_is_zero(line):
    return re.sub("^" + SAMPLE + r"\S+", r"\1 0.0", line)


def exemplar_without_braces(line):
    head, hash_, exemplar = line.rpartition(" # {")
    end = exemplar.rindex("}")
    return head + hash_ + re.sub("[{}]", "_", exemplar[:end]) + exemplar[end:]


def other_timestamp(line):
    without = re.sub("^(" + SAMPLE + r"\S+) \S+$", r"\1", line)
    return without if without != line else line + " 0.000"


# Pages that this parser rejects and that are as they should be. Such a line is repaired, and the page is read again, so
# that nothing else on it goes unread: the parser's message, how the line begins that it is about, the repair.
#
# The sum of what a program observed is what it is. Where NaN was observed the sum is NaN, and where the observations
# were negative the sum is; text 0.0.4 shows the same, and Prometheus takes both. The parser:
#       if sample.name[len(name):] in ['_total', '_sum', '_count', '_bucket', '_gcount', '_gsum'] and math.isnan(
#               sample.value):
#           raise ValueError("Counter-like samples cannot be NaN: " + line)
#       if sample.name[len(name):] in ['_total', '_sum', '_count', '_bucket', '_gcount'] and sample.value < 0:
#           raise ValueError("Counter-like samples cannot be negative: " + line)
# What a gauge histogram sums up may be negative, too, though no bound is. The parser, which names the family only:
#       if not has_negative_buckets and has_negative_gsum:
#           raise ValueError("Cannot have negative _gsum with non-negative buckets: " + name)
# A quantile of temperatures may be below zero, as Prometheus takes it. The parser:
#       if typ == 'summary' and name == sample.name and sample.value < 0:
#           raise ValueError("Quantile values cannot be negative: " + line)
# A brace in the label value of an exemplar needs no escape. The parser stops at the first one, quoted or not:
#       elif state == 'exemplarparsedlabels':
#           if char == '}':
#               state = 'exemplarvaluespace'
# Infos of one family may have timestamps or not, like any series. The parser takes them all for one series:
#       if typ == 'info':
#           # We can't distinguish between groups for info metrics.
#           return {}
EXCEPTIONS = [
    (r"Counter-like samples cannot be NaN: (.*)", r"[a-zA-Z0-9_:]+_g?sum[{ ]", value_is_zero),
    (r"Counter-like samples cannot be negative: (.*)", r"[a-zA-Z0-9_:]+_sum[{ ]", value_is_zero),
    (r"Cannot have negative _gsum with non-negative buckets: .*()", r"[a-zA-Z0-9_:]+_gsum(\{.*\})? -", value_is_zero),
    (r"Quantile values cannot be negative: (.*)", r'.*[{,]quantile="[^"]*"\} -', value_is_zero),
    (r"Invalid line: (.* # .*|# .*)", r'.* # \{.*".*[{}].*".*\} ', exemplar_without_braces),
    (r"Mix of timestamp presence within a group: (.*)", r"[a-zA-Z0-9_:]+_info[{ ]", other_timestamp),
]


def repair(message, lines):
    """The number of the line that was repaired, or None."""
    for pattern, shape, mend in EXCEPTIONS:
        found = re.fullmatch(pattern, message, re.S)
        if not found:
            continue
        for number, line in enumerate(lines):
            if line.endswith(found.group(1)) and re.match(shape, line):
                mended = mend(line)
                if mended != line:
                    lines[number] = mended
                    return number
    return None


def check(path):
    """Why the page is rejected, or None; and how many lines were repaired."""
    with open(path, "rb") as file:
        lines = file.read().decode().split("\n")
    repaired = 0
    while True:
        try:
            for _ in text_string_to_metric_families("\n".join(lines)):
                pass
            return None, repaired
        except Exception as why:
            if repair(str(why), lines) is None:
                return "%s: %s" % (type(why).__name__, why), repaired
            repaired += 1


def main():
    paths = []
    for argument in sys.argv[1:]:
        if os.path.isdir(argument):
            paths += sorted(os.path.join(argument, name) for name in os.listdir(argument))
        else:
            paths.append(argument)
    if not paths:
        print("no pages")
        sys.exit(1)
    rejected = excepted = 0
    for path in paths:
        why, repaired = check(path)
        excepted += repaired
        if why:
            rejected += 1
            print("%s: %s" % (os.path.basename(path), why[:500]))
    print("%d OpenMetrics pages, %d rejected, %d lines excepted" % (len(paths), rejected, excepted))
    sys.exit(1 if rejected else 0)


main()
