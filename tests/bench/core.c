/*
 * The benchmark of the library: bench_core [--quick] [machine|updates|lookups|series|stripes|owners|latency|scrapes...]
 * or bench_core serve N, for wrk
 */
#include "core/core.h"
#include "common/bench.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"machine", bench_machine}, {"updates", bench_updates}, {"lookups", bench_lookups},
                 {"series", bench_vectors},  {"stripes", bench_stripes}, {"owners", bench_owners},
                 {"latency", bench_latency}, {"scrapes", bench_pages}};
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        bench_serve(atoi(argv[2]));
        return 0;
    }
    bench_init(argc, argv);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (bench_wanted(parts[i].name)) parts[i].run();
    }
    return 0;
}
