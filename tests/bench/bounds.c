/*
 * What the library's bounds cost and keep, as ratios to a control of the same run:
 * bench_bounds [--quick] [bounds|emissions|families|counters|updates|events|holds|waits|queues|memory|threads...]
 *
 * Time is what a thread had of a processor, since preemption is the machine's. How long a call waits for another thread
 * is what that one had of its processor meanwhile. What would take too long is stopped, and a line that begins with #
 * says so. It uses public calls only, so that it can be linked to older libraries as well.
 */
#include "bounds/bounds.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"emissions", bounds_emissions}, {"families", bounds_families}, {"counters", bounds_counters},
                 {"updates", bounds_updates},     {"events", bounds_events},     {"holds", bounds_holds},
                 {"waits", bounds_waits},         {"queues", bounds_queues},     {"memory", bounds_memory},
                 {"threads", bounds_threads}};
    bench_init(argc, argv);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (bench_wanted("bounds") || bench_wanted(parts[i].name)) parts[i].run();
    }
    return 0;
}
