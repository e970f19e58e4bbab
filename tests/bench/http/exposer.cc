// A page of n gauges, served by prometheus-cpp: to compare with. Prints the port when it listens, ends with its input.
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

int main(int argc, char **argv)
{
    const int n = argc > 1 ? std::atoi(argv[1]) : 100;
    unsigned long long state = 1;
    prometheus::Exposer exposer("127.0.0.1:0", 2);
    auto registry = std::make_shared<prometheus::Registry>();
    auto &family = prometheus::BuildGauge().Name("bench").Help("Benchmark.").Register(*registry);
    for (int i = 0; i < n; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        family.Add({{"pipeline", "pipeline-" + std::to_string(i / 10)}, {"step", "step-" + std::to_string(i % 10)}})
            .Set(static_cast<double>(state >> 11) / 9007199254740992.0);
    }
    exposer.RegisterCollectable(registry);
    std::printf("%d\n", exposer.GetListeningPorts().front());
    std::fflush(stdout);
    std::getchar();
}
