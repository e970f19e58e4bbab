/* What the handler counts about itself. */
#include "http/self.h"

#include "http/response.h"

/* The metrics of a handler about itself. They are emitted, not registered: each handler has its own. */

static const struct {
    int status;
    const char *text;
} http_self_codes[] = {
#define HTTP_SELF_CODE(status, reason) {status, #status},
    CPROM__HTTP_STATUSES(HTTP_SELF_CODE)};
_Static_assert(sizeof http_self_codes / sizeof *http_self_codes == CPROM__HTTP_CODES, "a count for each");

static const double http_self_bounds[CPROM__HTTP_BOUNDS] = {.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10};

static const cprom_desc http_self_requests_desc =
    CPROM__OWN_COUNTER(.name = "cprom_http_requests_total", .help = "HTTP responses made, by status.",
                       .labels = {"code"});
static const cprom_desc http_self_duration_desc = {.size = sizeof http_self_duration_desc,
                                                   .name = "cprom_scrape_duration_seconds",
                                                   .type = CPROM_HISTOGRAM,
                                                   .help = "From a request for the page to the end of the response.",
                                                   .unit = "seconds"};
static const cprom_desc http_self_in_flight_desc =
    CPROM__OWN_GAUGE(.name = "cprom_scrapes_in_flight", .help = "Pages that are being sent, this one included.");

void cprom__http_self_count(struct cprom__http_self *self, int status)
{
    for (size_t i = 0; i < CPROM__HTTP_CODES; i++) {
        if (http_self_codes[i].status != status) continue;
        atomic_fetch_add_explicit(&self->codes[i], 1, memory_order_relaxed);
        return;
    }
}

void cprom__http_self_observe(struct cprom__http_self *self, int64_t nanoseconds)
{
    size_t bucket = 0;
    while (bucket < CPROM__HTTP_BOUNDS && (double)nanoseconds > http_self_bounds[bucket] * 1e9) bucket++;
    atomic_fetch_add_explicit(&self->nanoseconds, (uint64_t)(nanoseconds > 0 ? nanoseconds : 0), memory_order_relaxed);
    atomic_fetch_add_explicit(&self->buckets[bucket], 1, memory_order_relaxed);
}

void cprom__http_self_emit(void *ctx, struct cprom_scrape *out)
{
    struct cprom__http_self *self = ctx;
    for (size_t i = 0; i < CPROM__HTTP_CODES; i++) {
        double n = (double)atomic_load_explicit(&self->codes[i], memory_order_relaxed);
        cprom_emit(out, &http_self_requests_desc, (cprom_strs){&http_self_codes[i].text, 1},
                   n); /* a failure stays in the scrape */
    }
    uint64_t buckets[CPROM__HTTP_BOUNDS], count = 0;
    for (size_t i = 0; i <= CPROM__HTTP_BOUNDS; i++) {
        count += atomic_load_explicit(&self->buckets[i], memory_order_relaxed);
        if (i < CPROM__HTTP_BOUNDS) buckets[i] = count;
    }
    cprom_const_histogram duration = CPROM_INIT(cprom_const_histogram);
    duration.bounds = http_self_bounds;
    duration.buckets = buckets;
    duration.n_bounds = CPROM__HTTP_BOUNDS;
    duration.count = count;
    duration.sum = (double)atomic_load_explicit(&self->nanoseconds, memory_order_relaxed) / 1e9;
    cprom_emit_histogram(out, &http_self_duration_desc, CPROM_NO_STRS, &duration);
    double in_flight = (double)atomic_load_explicit(&self->in_flight, memory_order_relaxed);
    cprom_emit(out, &http_self_in_flight_desc, CPROM_NO_STRS, in_flight);
}
