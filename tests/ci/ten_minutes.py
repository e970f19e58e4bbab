"""The program of docs/ten-minutes.md, from its blocks as they stand there: built, given the two runs, and its page read.

ten_minutes.py SOURCE WORK LIBRARY COMPILER [FLAG...]

The port is the only thing that is changed. promtool, if it is there, looks at the configuration.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request


def blocks(text, language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, text, re.M | re.S)


def page(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()


def page_with(address, line):
    """The first page that has it: the service works on its own."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        text = page(address)
        if line in text:
            return text
        time.sleep(0.02)
    sys.exit("ten_minutes: in vain: %s\n%s" % (line, text))


def steps(text):
    return re.findall(r'^ci_pipeline_step_duration_seconds\{pipeline="a",step="(\w+)"\}', text, re.M)


def main():
    source, work, library, compiler, *flags = sys.argv[1:]
    with open(os.path.join(source, "docs/ten-minutes.md"), encoding="utf-8") as file:
        text = file.read()
    languages = set(re.findall(r"^```(\w+)$", text, re.M))
    assert languages == {"c", "sh", "text", "yaml"}, languages

    os.makedirs(work, exist_ok=True)
    program = "".join(block + "\n" for block in blocks(text, "c"))
    assert program.count("127.0.0.1:9464") == 1
    with open(os.path.join(work, "service.c"), "w", encoding="utf-8") as file:
        file.write(program.replace("127.0.0.1:9464", "127.0.0.1:0"))
    subprocess.run([compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", *flags, "-I", os.path.join(source, "include"),
                    os.path.join(work, "service.c"), library, "-pthread", "-Wl,-rpath," + os.path.dirname(library),
                    "-o", os.path.join(work, "service")], check=True)

    if shutil.which("promtool"):
        for block in blocks(text, "yaml"):
            with open(os.path.join(work, "prometheus.yml"), "w", encoding="utf-8") as file:
                file.write(block.replace(" [cprom/", " [%s/" % source))
            subprocess.run(["promtool", "check", "config", os.path.join(work, "prometheus.yml")], check=True)

    with subprocess.Popen([os.path.join(work, "service")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=work) as service:
        try:
            address = service.stdout.readline().decode().strip()
            lines = ['ci_pipeline_runs_total{pipeline="a",status="success"} 1\n', *blocks(text, "text")]
            runs = re.findall(r"type `([a-z ]+)`", text)
            assert len(runs) == len(lines) == 2, (runs, lines)
            for run, line in zip(runs, lines):
                service.stdin.write(run.encode() + b"\n")
                service.stdin.flush()
                found = steps(page_with(address, line))
                assert found == sorted(run.split()[1:]), (run, found)
        finally:
            service.stdin.close()
            service.stdout.read()
    assert service.returncode == 0, service.returncode


if __name__ == "__main__":
    main()
