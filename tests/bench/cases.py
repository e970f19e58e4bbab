"""The rows of docs/benchmarks.md: what bench.py shows, in which order, and what the goals are."""

from collections import namedtuple

# The programs' parts that a section needs, and a text about them.
Section = namedtuple("Section", "title parts text rows")
# case and threads name a sample's line; calls: how the calls follow each other. A goal is an upper bound in the row's
# unit, for /s a lower one, or the name of a case and what is added to its median.
Row = namedtuple("Row", "case threads title unit goal calls")

CALLS = [("update", "held update"), ("find", "find + set"), ("create", "create"), ("remove", "delete")]
BACK = "back to back"
ALONE = "isolated"


def both(case, title, goals, calls=BACK, unit="ns"):
    """One row for one thread, one for two."""
    return [Row(case, 1, title, unit, goals[0], calls), Row(case, 2, title + ", 2 threads", unit, goals[1], calls)]


def one(case, title, goal=None, calls=BACK, unit="ns", threads=1):
    return [Row(case, threads, title, unit, goal, calls)]


def bounds(case, sizes, title, goal, unit="x"):
    """One row for each size."""
    return [Row(f"{case}_{size}", 1, f"{title}, {size}", unit, goal, "") for size in sizes]


SECTIONS = [
    Section(
        "The machine",
        ["machine"],
        "Rows to read the others by. Of the loads, each says where the next one is; of the additions there are as "
        "many as the processor can take at once, which shows whether another machine's work shares the core.",
        one("multiply", "a dependent multiplication")
        + one("add_many", "an addition, of many that are independent")
        + one("load_1M", "a dependent load, 1 MiB", calls=ALONE)
        + one("load_8M", "a dependent load, 8 MiB", calls=ALONE)
        + one("load_128M", "a dependent load, 128 MiB", calls=ALONE),
    ),
    Section(
        "Updates through a handle",
        ["updates"],
        "One instrument, on one thread and on two that share it; a sample is what the slower one took. Observations "
        "are random, each bucket as likely as any other. VictoriaMetrics: a float counter stands for the gauge.",
        both("inc", "counter inc", (2.5, 2.5))
        + both("add", "counter add of a double", (3, 3))
        + both("gauge_set", "gauge set", (2.5, 6))
        + both("gauge_add", "gauge add", (None, None))
        + both("observe", "histogram observe, 10 bounds", (5, 5.5))
        + both("atomic_add", "a bare atomic add, to compare", (None, None)),
    ),
    Section(
        "Updates by two label values",
        ["lookups"],
        "The values are strings of the caller's own, laid out in the order of the calls, which is random for the "
        "series. Back to back, cache misses of neighbouring calls overlap; isolated, each call waits for the one "
        "before. VictoriaMetrics knows a series by its whole name, which the call puts together.",
        both("find_inc_100", "find + inc, 100 series", (17, 20))
        + both("find_inc_100k", "find + inc, 100,000 series", (75, 80))
        + one("find_get_100", "find and read, 100 series")
        + one("find_get_100k", "find and read, 100,000 series")
        + one("find_alone_100", "find and read, 100 series", calls=ALONE)
        + one("find_alone_100k", "find and read, 100,000 series", calls=ALONE),
    ),
    Section(
        "Series come and go",
        ["series", "owners"],
        "Registry and memory are fresh in each round. \"One of n\" deletes 1 % of the series in random order right "
        "after a scrape, \"the others\" the rest with what deletions do to reclaim. Bytes are those asked of the "
        "allocator, after the scrape; for the peers what their heap grew by. Label names have 8 and 4 letters, "
        "values 10.",
        one("create_100k", "create, vector growing to 100,000", 180)
        + one("create_1M", "create, vector growing to 1M", 250)
        + one("delete_100k", "delete by values, one of 100,000", 60)
        + one("delete_rest_100k", "delete by values, the others")
        + one("delete_1M", "delete by values, one of 1M", 140)
        + one("delete_rest_1M", "delete by values, the others")
        + one("bytes_100k", "memory a gauge series, 100,000", 112, "", "B")
        + one("bytes_1M", "memory a gauge series, 1M", 112, "", "B")
        + one("owner_delete_1k", "delete 100 of 1,000 by owner", 10, ALONE, "us")
        + one("owner_delete_100k", "delete 100 of 100,000 by owner", 10, ALONE, "us")
        + one("owner_delete_1M", "delete 100 of 1M by owner", 10, ALONE, "us")
        + one("owner_replace_1k", "replace 100 of 1,000 by nothing", None, ALONE, "us")
        + one("owner_replace_100k", "replace 100 of 100,000 by nothing", None, ALONE, "us")
        + one("owner_replace_1M", "replace 100 of 1M by nothing", None, ALONE, "us"),
    ),
    Section(
        "Scrapes to memory",
        ["scrapes"],
        "Open, read with 64 KiB until the end, close (peers: gather and write, to nowhere or to a string). Gauges "
        "are uniform in [0, 1), mostly of 16 or 17 digits; counters are integers below 10^6. A "
        "first scrape's row is what sorting takes it beyond later scrapes. The peers' own memory is what resident "
        "memory grew by.",
        one("scrape_1k", "scrape, 1k random gauges", 0.03, ALONE, "ms")
        + one("scrape_10k", "scrape, 10k random gauges", 0.35, ALONE, "ms")
        + one("scrape_100k", "scrape, 100k random gauges", 4, ALONE, "ms")
        + one("scrape_1M", "scrape, 1M random gauges", 60, ALONE, "ms")
        + one("open_1M", "of it, `page_open`", None, ALONE, "ms")
        + one("read_1M", "of it, `page_read`", None, ALONE, "ms")
        + one("scrape_1M_magnitudes", "scrape, 1M random gauges of 1e-6 to 1e9", None, ALONE, "ms")
        + one("scrape_1M_counters", "scrape, 1M integer counters", 40, ALONE, "ms")
        + one("first_1M", "first scrape after 1M creations, beyond", 130, ALONE, "ms")
        + one("memory_1M", "a scrape's own memory, 1M", 24, "", "MB")
        + one("allocations_1M", "a scrape's own allocations, 1M", 100, "", "")
        + one("flat", "a series at 1M / a series at 10k", 2.5, "", "x"),
    ),
    Section(
        "Single calls while 1M series are scraped in a loop",
        ["latency"],
        "The scraper runs on the other processor. Of each kind 200,000 calls a sample, of the peers as many as two "
        "seconds take. The clock alone and three cache misses that are not the library's show what the machine does "
        "to any call.",
        one("clock_p9999", "reading the clock, p99.99", None, ALONE, "us")
        + one("clock_max", "reading the clock, max", None, ALONE, "us")
        + one("misses_p9999", "three cache misses, p99.99", None, ALONE, "us")
        + one("misses_max", "three cache misses, max", None, ALONE, "us")
        + [
            row
            for case, title in CALLS
            for row in one(case + "_p9999", title + ", p99.99", 20, ALONE, "us")
            + one(case + "_max", title + ", max", ("clock_max", 500), ALONE, "us")
        ],
    ),
    Section(
        "Scrapes over HTTP",
        ["http"],
        "wrk with one thread over the loopback, pages encoded for each request; our server has one thread, and "
        "nothing is pinned. \"One line\" is the same load on `/-/healthy`: what sockets, wake-ups and wrk cost "
        "without any page.",
        one("http_100", "100 series, 50 connections", 110000, BACK, "/s")
        + one("http_line", "one line, 50 connections", None, BACK, "/s")
        + one("http_cpu", "server's processor time a request, 100 series", None, BACK, "us")
        + one("http_p50_100", "100 series, 1 connection, p50", None, ALONE, "us")
        + one("http_p50_10k", "10,000 series, 1 connection, p50", 600, ALONE, "us"),
    ),
    Section(
        "Stripes",
        ["stripes"],
        "Memory of an instrument that two threads have updated; a plain one includes its family. Beside it the "
        "library with `-DCPROM_STRIPES=1`, for small targets.",
        one("bytes_plain_counter", "plain counter", None, "", "B", 2)
        + one("bytes_plain_gauge", "plain gauge", None, "", "B", 2)
        + one("bytes_plain_histogram", "plain histogram, 11 bounds", None, "", "B", 2)
        + one("bytes_vec_counter", "counter of a vector of 10,000", None, "", "B", 2)
        + one("bytes_vec_gauge", "gauge of a vector of 10,000", None, "", "B", 2)
        + one("bytes_vec_histogram", "histogram of a vector of 10,000", None, "", "B", 2),
    ),
    Section(
        "Bounds",
        ["bounds"],
        "What must not grow: each row is a multiple (x) of a control of the same run, or a count. Times are what a thread "
        "had of a processor; how long a commit waits is what the thread that it waits for had meanwhile. A hold is the "
        "longest of the lock of the vector's map. What took too long was stopped, as the lines below say, and the row is "
        "of what was done by then. Of these samples there are one to five.",
        bounds("emit", ["1k", "16k"], "emit families / as many samples of one", 3)
        + bounds("emit_checked", ["1k", "16k"], "emit declared families / as many samples of one", 3)
        + bounds("emit_interleaved", ["100k"], "emit 1,000 families in turn / all samples of one", 3)
        + bounds("register", ["4k", "32k"], "register families: the last thousand / the first", 3)
        + bounds("children_same", ["1k"], "one family in each child: the last / the hundredth", 3)
        + bounds("children_own", ["1k"], "another family in each child: the last / the hundredth", 3)
        + bounds("create_beside", ["16k", "64k", "256k"], "create beside striped counters, p99 / beside 6,400", 3)
        + bounds("free", ["16k", "64k", "256k"], "free striped counters, each / of 1,024", 3)
        + bounds("update_vectors", ["1k", "4k"], "commit over vectors, each / over 40", 3)
        + bounds("stale_removal", ["1k", "10k", "40k"], "the last of removals by match, an update open / none open", 3)
        + bounds("stale_commit", ["1k", "10k", "40k"], "commit behind these removals / no update open", 3)
        + bounds("stale_after", ["1k", "10k", "40k"], "commit when that update is gone / none was open", 1.5)
        + bounds("hold_owner", ["100k", "1M"], "hold: remove an owner's / 4,096 single deletions", 1)
        + bounds("hold_clear", ["100k", "1M"], "hold: clear / 4,096 single deletions", 1)
        + bounds("hold_sweep", ["100k", "1M"], "hold: sweep / 4,096 single deletions", 1)
        + bounds("hold_expiry", ["100k", "1M"], "hold: expiry / 4,096 single deletions", 1)
        + bounds("expired_page", ["100k", "1M"], "page that finds all expired / page and 4,096 single deletions", 1.5)
        + bounds("expired_series", ["100k", "1M"], "series that this page removes", 4096, "")
        + bounds("commit_deleters", ["1k", "100k", "1M"], "commit beside single deletions / alone", 2)
        + bounds("commit_clear", ["100k", "1M"], "wait for a clear of another vector / page of both", 1)
        + bounds("commit_histograms", ["3M", "10M"], "wait for scrapes of cells / 1M cells of such a page", 1)
        + bounds("overtakers", ["p99"], "gathers that came later and were served before, 8 threads", 8, "")
        + bounds("page_registrations", ["20k"], "page while families come and go / alone", 2)
        + bounds("pinned_filtered", ["1k", "200k"], "kept by a page of another family / by a page of all", 0.05)
        + bounds("pinned_each", ["1k", "200k"], "kept by an iteration over another / by a page of all", 0.05)
        + bounds("long_refused", ["600k"], "refusals of series of 1 KiB, but for a limit of the vector", 0, "")
        + bounds("lookup_locks", ["50", "200"], "locks that 100 look-ups take in each of so many threads", 0, "")
        + bounds("lookup_locks", ["late"], "locks in 50 threads behind 200 that used the library at their end", 0, ""),
    ),
    Section(
        "Sizes",
        ["sizes"],
        "Stripped files. The small program (`tests/bench/small.c`) has one gauge vector and a page; it links `libcprom.a`.",
        one("size_so", "libcprom.so", 150, "", "KiB")
        + one("size_all", "small program with the whole library", None, "", "KiB")
        + one("size_small", "small program as the linker leaves it", None, "", "KiB")
        + one("size_gc", "small program, `-Wl,--gc-sections`", None, "", "KiB")
        + one("size_nothing", "an empty program", None, "", "KiB")
        + one("size_static", "small program, `-static -Wl,--gc-sections`", None, "", "KiB")
        + one("size_static_nothing", "an empty program, likewise", None, "", "KiB"),
    ),
]
