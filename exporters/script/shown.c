#include "script.h"

#include <pthread.h>
#include <stdlib.h>

const char *const outcome_names[OUTCOMES] = {"success", "start", "exit", "timeout", "output"};

#define GAUGE(name) "# TYPE " name " gauge\n" name " 0\n"
#define COUNTER(name) "# TYPE " name " counter\n" name " 0\n"
const char shown_own[] = GAUGE("script_interval_seconds") GAUGE("script_success") GAUGE("script_duration_seconds")
    GAUGE("script_last_run_timestamp_seconds") GAUGE("script_last_success_timestamp_seconds") GAUGE("script_series")
    COUNTER("script_runs_total") COUNTER("process_cpu_seconds_total") GAUGE("process_open_fds") GAUGE("process_max_fds")
    GAUGE("process_virtual_memory_bytes") GAUGE("process_virtual_memory_max_bytes")
    GAUGE("process_resident_memory_bytes") GAUGE("process_start_time_seconds") GAUGE("process_threads");

/* Two hold it: the runner, and the collector, whose callback may still run when the script is gone. */
struct shown {
    cprom_registry *registry;
    pthread_mutex_t lock; /* guards what follows; for the time of an emission at most */
    struct text_page *page;
    struct report last;   /* the last run */
    double last_success;  /* Unix time; 0: never */
    double seconds;       /* between runs */
    double runs[OUTCOMES];
    unsigned holders;
};

#define DESC(id, kind, what, ...)                                                                                      \
    static const cprom_desc id = {.size = sizeof(cprom_desc), .type = kind, .help = what, __VA_ARGS__}
DESC(interval, CPROM_GAUGE, "How often the script is run.", .name = "script_interval_seconds");
DESC(success, CPROM_GAUGE, "Whether the last run of the script was good.", .name = "script_success");
DESC(duration, CPROM_GAUGE, "Wall time of the last run.", .name = "script_duration_seconds");
DESC(last_run, CPROM_GAUGE, "When the last run ended.", .name = "script_last_run_timestamp_seconds");
DESC(last_success, CPROM_GAUGE, "When the last good run ended.", .name = "script_last_success_timestamp_seconds");
DESC(series, CPROM_GAUGE, "Series of the script on the page.", .name = "script_series");
DESC(runs, CPROM_COUNTER, "Runs of the script, by how they ended.", .name = "script_runs_total", .labels = {"outcome"});

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    struct shown *shown = ctx;
    pthread_mutex_lock(&shown->lock);
    cprom_emit(out, &interval, CPROM_NO_STRS, shown->seconds);
    for (size_t i = 0; i < OUTCOMES; i++) cprom_emit(out, &runs, CPROM_STRS(outcome_names[i]), shown->runs[i]);
    if (shown->last.ended > 0) {
        cprom_emit(out, &success, CPROM_NO_STRS, shown->last.outcome == OUTCOME_SUCCESS);
        cprom_emit(out, &duration, CPROM_NO_STRS, shown->last.seconds);
        cprom_emit(out, &last_run, CPROM_NO_STRS, shown->last.ended);
        cprom_emit(out, &series, CPROM_NO_STRS, shown->page ? (double)shown->page->n_metrics : 0);
    }
    if (shown->last_success > 0) cprom_emit(out, &last_success, CPROM_NO_STRS, shown->last_success);
    for (const struct text_family *family = shown->page ? shown->page->families : NULL; family; family = family->next) {
        text_emit(out, family, CPROM_NO_LABELS);
    }
    pthread_mutex_unlock(&shown->lock);
    return CPROM_OK; /* a refused emission fails the collector all the same */
}

static void let_go(void *ctx)
{
    struct shown *shown = ctx;
    pthread_mutex_lock(&shown->lock);
    bool last = --shown->holders == 0;
    pthread_mutex_unlock(&shown->lock);
    if (!last) return;
    pthread_mutex_destroy(&shown->lock);
    text_free(shown->page);
    free(shown);
}

struct shown *shown_new(cprom_registry *parent, const char *name, unsigned seconds)
{
    struct shown *shown = calloc(1, sizeof *shown);
    if (!shown) return NULL;
    pthread_mutex_init(&shown->lock, NULL);
    shown->holders = 1;
    shown->seconds = seconds;
    cprom_registry_opts opts = {.size = sizeof opts, .parent = parent, .log = say_line,
                                .const_labels = {{"script", name}}};
    cprom_status status = cprom_registry_new(&opts, &shown->registry);
    if (!status) {
        shown->holders++;
        status = cprom_collector_new(shown->registry, CPROM_OPTS(cprom_collector_opts, .name = name, .collect = collect,
                                                                 .ctx = shown, .free = let_go));
        if (status) shown->holders--;
    }
    if (!status) return shown;
    say("%s: %s", name, cprom_status_string(status));
    shown_free(shown);
    return NULL;
}

void shown_free(struct shown *shown)
{
    if (!shown) return;
    cprom_registry_free(shown->registry);
    let_go(shown);
}

void shown_set_seconds(struct shown *shown, unsigned seconds)
{
    pthread_mutex_lock(&shown->lock);
    shown->seconds = seconds;
    pthread_mutex_unlock(&shown->lock);
}

void shown_set(struct shown *shown, const struct report *report, struct text_page *page, bool keep)
{
    struct text_page *old = NULL;
    pthread_mutex_lock(&shown->lock);
    shown->last = *report;
    shown->runs[report->outcome]++;
    if (report->outcome == OUTCOME_SUCCESS) shown->last_success = report->ended;
    if (!keep) {
        old = shown->page;
        shown->page = page;
    }
    pthread_mutex_unlock(&shown->lock);
    text_free(old);
}

const struct text_page *shown_page(const struct shown *shown) { return shown->page; }

bool shown_well(const struct shown *shown)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    return cprom_registry_stats(shown->registry, &stats) == CPROM_OK && stats.collector_failures == 0;
}
