/* A plugin that has a copy of the library: a registry of its own that comes and goes, and the copy's default registry. */
#include "cprom.h"

static cprom_registry *registry;
static cprom_counter *counter;
static cprom_counter_vec *vector;
static cprom_counter *in_default;

int plugin_begin(void)
{
    return cprom_registry_new(NULL, &registry) ||
           cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "plain_total", .help = "h"), &counter) ||
           cprom_counter_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "vector_total", .help = "h", .labels = {"l"}),
                                 &vector);
}

void plugin_update(void)
{
    cprom_counter_inc(counter);
    cprom_counter_vec_inc(vector, CPROM_STRS("a"));
}

/* What all have counted, -1 if both do not agree. */
double plugin_counted(void)
{
    double value = cprom_counter_value(counter), of_vector;
    return cprom_counter_vec_get(vector, CPROM_STRS("a"), &of_vector) || of_vector != value ? -1 : value;
}

void plugin_end(void) { cprom_registry_free(registry); }

/* What the default registry has counted behind these. */
double plugin_count_in_default(double amount)
{
    if (!in_default) {
        cprom_counter_new(cprom_registry_default(), CPROM_OPTS(cprom_opts, .name = "copies_total", .help = "h"),
                          &in_default);
    }
    cprom_counter_add(in_default, amount);
    return cprom_counter_value(in_default);
}
