# Makes order.txt, the page that test_order.c of the wing page wants, from FORMAT.md alone: python3 order.py >order.txt
# Series sort by the unescaped values of their labels in the order of the sorted label names, byte by byte.
import sys

VALUES = [
    "", "x", "x!", "x\n", 'x"', "x\\", "xx", "x\u00e9", "\n", '"', "\\", "\\n", "\\\\", '\\"', "\n\n", "n", "nn",
    "!", "#", " ", "[", "]", "a", "ab", "abc", "\t", "\r", "\x01", "\x7f", "\u0080", "\u00e9", "\u00ff", "\u0100",
    "\u20ac", "\ufffd", "\ufffe", "\U00010000", "\U0010ffff", "\u65e5\u672c",
    "1234567", "12345678", "123456789", "1234567\n", '1234567"', "1234567\\", "1234567\\n", "12345678\n", '12345678"',
    "1234567\n8", "123456\n\n", "123456\\\\", "1234567\u00e9", "12345678\u00e9", "1234567812345678", "12345678\n2345678",
]
SECOND = ["", "x", "x!", "\n", "\u00e9"]


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


rows = [(a.encode(), z.encode(), a, z) for a in VALUES for z in (SECOND if a in SECOND else SECOND[:2])]
assert len({row[:2] for row in rows}) == len(rows)
out = ["# HELP m M.\n# TYPE m gauge\n"]
out += ['m{alpha="%s",zeta="%s"} 1\n' % (escaped(a), escaped(z)) for _, _, a, z in sorted(rows)]
sys.stdout.buffer.write("".join(out).encode())
