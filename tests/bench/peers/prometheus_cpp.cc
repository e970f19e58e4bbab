// prometheus-cpp, with the cases and the lines of common/bench.h: case, unit, threads, value.
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace prometheus;
using Clock = std::chrono::steady_clock;
using Pair = std::pair<std::string, std::string>;

static std::mt19937_64 rng(1);

static void sample(const std::string &name, const char *unit, int threads, double value)
{
    std::printf("%s\t%s\t%d\t%.6g\n", name.c_str(), unit, threads, value);
    std::fflush(stdout);
}

static double since(Clock::time_point start, double n)
{
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / n;
}

// The n-th processor from the last on.
static void pin(unsigned n)
{
    unsigned all = std::thread::hardware_concurrency();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(all - 1 - n % all, &one);
    sched_setaffinity(0, sizeof one, &one);
}

// ns of an operation, on one thread or on two that start together.
static void measure(const char *name, int n, const std::function<void(int thread, int n)> &loop)
{
    for (int threads = 1; threads <= 2 && threads <= static_cast<int>(std::thread::hardware_concurrency()); threads++) {
        for (int round = 0; round < 5; round++) {
            std::atomic<int> waiting(threads);
            std::vector<double> took(threads);
            std::vector<std::thread> running;
            for (int i = 0; i < threads; i++) {
                running.emplace_back([&, i] {
                    pin(i);
                    loop(i, n / 16);
                    for (waiting--; waiting;) std::this_thread::yield();
                    auto start = Clock::now();
                    loop(i, n);
                    took[i] = since(start, n);
                });
            }
            for (auto &thread : running) thread.join();
            sample(name, "ns", threads, *std::max_element(took.begin(), took.end()));
        }
    }
}

static std::vector<Pair> pairs(int n)
{
    auto word = [] {
        std::string letters(10, 'a');
        for (auto &letter : letters) letter = static_cast<char>('a' + rng() % 26);
        return letters;
    };
    std::vector<Pair> all;
    for (int i = 0; i < n; i++) all.emplace_back(word(), word());
    return all;
}

// Strings of their own, in random order.
static std::vector<Pair> shuffled(const std::vector<Pair> &all, size_t n)
{
    std::vector<Pair> out;
    while (out.size() < n) out.insert(out.end(), all.begin(), all.end());
    std::shuffle(out.begin(), out.end(), rng);
    return out;
}

static Labels labels(const Pair &pair) { return {{"pipeline", pair.first}, {"step", pair.second}}; }

static double uniform() { return static_cast<double>(rng() >> 11) / 9007199254740992.0; }

// A field of /proc/self/status, in bytes.
static double status(const char *field)
{
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, std::strlen(field), field) == 0) return std::atof(line.c_str() + std::strlen(field)) * 1024;
    }
    return 0;
}

static double heap()
{
    struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

struct World {
    std::shared_ptr<Registry> registry = std::make_shared<Registry>();
    Family<Counter> &counters = BuildCounter().Name("bench_total").Help("Benchmark.").Register(*registry);
    Family<Gauge> &gauges = BuildGauge().Name("bench").Help("Benchmark.").Register(*registry);

    void scrape() const { TextSerializer().Serialize(registry->Collect()); }
};

static void updates()
{
    World world;
    const Histogram::BucketBoundaries bounds{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};
    auto &counter = world.counters.Add({});
    auto &gauge = world.gauges.Add({});
    auto &histogram = BuildHistogram().Name("h").Help("Benchmark.").Register(*world.registry).Add({}, bounds);
    std::vector<double> observations(4096); // each bucket is as likely as any other
    for (auto &value : observations) {
        size_t bucket = rng() % (bounds.size() + 1);
        double low = bucket ? bounds[bucket - 1] : 0, high = bucket < bounds.size() ? bounds[bucket] : 10;
        value = low + (high - low) * uniform();
    }
    measure("inc", 2000000, [&](int, int n) {
        for (int i = 0; i < n; i++) counter.Increment();
    });
    measure("add", 2000000, [&](int, int n) {
        for (int i = 0; i < n; i++) counter.Increment(0.37);
    });
    measure("gauge_set", 2000000, [&](int, int n) {
        for (int i = 0; i < n; i++) gauge.Set(i);
    });
    measure("observe", 1000000, [&](int, int n) {
        for (int i = 0; i < n; i++) histogram.Observe(observations[i % 4096]);
    });
}

static void lookups()
{
    const struct {
        const char *name;
        int n, order;
    } sizes[] = {{"find_inc_100", 100, 4096}, {"find_inc_100k", 100000, 100000}};
    for (const auto &size : sizes) {
        World world;
        auto all = pairs(size.n), order = shuffled(all, size.order);
        for (const auto &pair : all) world.counters.Add(labels(pair)).Increment();
        measure(size.name, 100000, [&](int thread, int n) {
            size_t at = thread * (order.size() / 2);
            for (int i = 0; i < n; i++) {
                world.counters.Add(labels(order[at])).Increment();
                if (++at == order.size()) at = 0;
            }
        });
    }
}

static void life()
{
    const std::pair<const char *, int> sizes[] = {{"100k", 100000}, {"1M", 1000000}};
    for (const auto &size : sizes) {
        auto all = pairs(size.second), order = shuffled(all, size.second);
        for (int round = 0; round < 5; round++) {
            malloc_trim(0);
            World world;
            double before = heap();
            auto start = Clock::now();
            for (const auto &pair : all) world.gauges.Add(labels(pair)).Set(1);
            sample(std::string("create_") + size.first, "ns", 1, since(start, size.second));
            sample(std::string("bytes_") + size.first, "B", 1, (heap() - before) / size.second);
            const int deletes = 20; // costs what all series cost
            start = Clock::now();
            for (int i = 0; i < deletes; i++) world.gauges.Remove(&world.gauges.Add(labels(order[i])));
            sample(std::string("delete_") + size.first, "ns", 1, since(start, deletes));
        }
    }
}

static void scrapes()
{
    const std::pair<const char *, int> sizes[] = {{"1k", 1000}, {"10k", 10000}, {"100k", 100000}, {"1M", 1000000}};
    for (const auto &size : sizes) {
        World world;
        for (const auto &pair : pairs(size.second)) world.gauges.Add(labels(pair)).Set(uniform());
        world.scrape();
        for (int round = 0; round < 5; round++) {
            malloc_trim(0);
            std::ofstream("/proc/self/clear_refs") << "5";
            double before = status("VmRSS:");
            auto start = Clock::now();
            world.scrape();
            sample(std::string("scrape_") + size.first, "ms", 1, since(start, 1e6));
            sample(std::string("memory_") + size.first, "MB", 1, (status("VmHWM:") - before) / 1e6);
        }
    }
    World world;
    for (const auto &pair : pairs(1000000))
        world.counters.Add(labels(pair)).Increment(static_cast<double>(rng() % 1000000));
    for (int round = 0; round < 5; round++) {
        auto start = Clock::now();
        world.scrape();
        sample("scrape_1M_counters", "ms", 1, since(start, 1e6));
    }
}

// Single calls while another thread scrapes; at most 2 s for a sample. Removing is left out: it costs what all series cost.
static void latency()
{
    const size_t series = 1000000, calls = 100000;
    World world;
    auto all = pairs(series), fresh = pairs(5 * calls);
    for (const auto &pair : all) world.gauges.Add(labels(pair)).Set(1);
    auto &held = world.gauges.Add(labels(all[0]));
    std::atomic<bool> stop(false);
    std::thread scraper([&] {
        pin(1);
        while (!stop) world.scrape();
    });
    std::this_thread::sleep_for(std::chrono::seconds(1));
    size_t next = 0;
    const std::pair<const char *, std::function<void()>> ops[] = {
        {"update", [&] { held.Set(1); }},
        {"find", [&] { world.gauges.Add(labels(all[rng() % series])).Set(2); }},
        {"create", [&] { world.gauges.Add(labels(fresh[next++])).Set(3); }}};
    for (int round = 0; round < 5; round++) {
        std::vector<double> took[3];
        auto begin = Clock::now();
        for (size_t i = 0; i < calls && since(begin, 1e9) < 2; i++) {
            for (int what = 0; what < 3; what++) {
                auto start = Clock::now();
                ops[what].second();
                took[what].push_back(since(start, 1e3));
            }
        }
        for (int what = 0; what < 3; what++) {
            auto &own = took[what];
            std::sort(own.begin(), own.end());
            sample(std::string(ops[what].first) + "_p9999", "us", 1, own[own.size() - 1 - own.size() / 10000]);
            sample(std::string(ops[what].first) + "_max", "us", 1, own.back());
        }
    }
    stop = true;
    scraper.join();
}

// Prints the port and ends with its input.
static void serve(int n)
{
    World world;
    Exposer exposer("127.0.0.1:0", 2);
    for (int i = 0; i < n; i++) {
        world.gauges.Add(labels({"pipeline-" + std::to_string(i / 10), "step-" + std::to_string(i % 10)}))
            .Set(uniform());
    }
    exposer.RegisterCollectable(world.registry);
    std::printf("%d\n", exposer.GetListeningPorts().front());
    std::fflush(stdout);
    std::getchar();
}

int main(int argc, char **argv)
{
    if (argc == 3 && std::string(argv[1]) == "serve") {
        serve(std::atoi(argv[2]));
        return 0;
    }
    const std::pair<std::string, void (*)()> parts[] = {
        {"updates", updates}, {"lookups", lookups}, {"series", life}, {"latency", latency}, {"scrapes", scrapes}};
    pin(0);
    for (const auto &part : parts) {
        if (argc == 1 || std::find(argv + 1, argv + argc, part.first) != argv + argc) part.second();
    }
}
