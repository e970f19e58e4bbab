/*
 * libFuzzer: bytes as calls, one after the other: series made, changed and removed in every way, handles, updates that
 * overlap, marks, times that run out, pages, and allocations that fail. After each, the library must be where the naive
 * model of tests/oracle/model.h is. The first byte chooses what the vectors can do.
 */
#include "fuzz.h"

#include "oracle/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2 || n > 1024) return 0;
    static struct model m;
    cprom_opts features = {.ttl_seconds = bytes[0] & 1 ? 7 : 0,
                           .linger_seconds = bytes[0] & 2 ? 9 : 0,
                           .max_series = bytes[0] & 4 ? 6 : 0,
                           .max_series_per_owner = bytes[0] & 16 ? 2 : 0};
    model_init(&m, &features, 1);
    m.fails = bytes[0] & 8;
    m.bytes = bytes + 1;
    m.n_bytes = n - 1;
    while (m.n_bytes) {
        /* Nearly half of it is updates, which take many calls until something shows. */
        int op = model_pick(&m, MODEL_OPS + 6);
        if (op < MODEL_OPS) {
            model_ops[op](&m);
            model_check(&m);
        } else {
            model_op_update(&m);
        }
    }
    model_check(&m);
    model_end(&m);
    return 0;
}
