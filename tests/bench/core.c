/*
 * The benchmark of the core: bench_core [--quick] [--only machine|updates|lookups|vectors|lives|pages]
 *
 * The build makes a program of each file in bench/ alone, so that the harness and the parts are included.
 */
#include "common/bench.c"
#include "core/lives.c"
#include "core/lookups.c"
#include "core/machine.c"
#include "core/pages.c"
#include "core/updates.c"
#include "core/vectors.c"

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"machine", bench_machine},
                 {"updates", bench_updates},
                 {"lookups", bench_lookups},
                 {"vectors", bench_vectors},
                 {"lives", bench_lives},
                 {"pages", bench_pages}};
    bench_init(argc, argv);
    printf("cprom %s; a star: the median is over the goal of issue 7\n", cprom_version());
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (bench_wanted(parts[i].name)) parts[i].run();
    }
    return 0;
}
