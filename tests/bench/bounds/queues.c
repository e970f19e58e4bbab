/*
 * Gathers of one registry that queue: how many that came later are served before; and gathers beside a thread that
 * registers and unregisters all the time.
 */
#include "bounds.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIES 20000u
#define THREADS 8
#define EACH 100

static cprom_registry *fill(void)
{
    cprom_registry *registry;
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    cprom_gauge_vec *vec = bounds_vec(registry, "family", 0);
    for (size_t i = 0; i < SERIES; i++) bounds_set(vec, "owner", i);
    bounds_scrape(registry);
    return registry;
}

/* ---- order of service ---- */

struct queue {
    cprom_registry *registry;
    _Atomic unsigned came, went;
    unsigned served[THREADS * EACH]; /* by when they came: when they went */
};

static void *gather(void *arg)
{
    struct queue *queue = arg;
    for (int i = 0; i < EACH; i++) {
        cprom_page *page;
        unsigned came = atomic_fetch_add(&queue->came, 1);
        bench_check(cprom_page_open(queue->registry, NULL, &page), "cprom_page_open");
        queue->served[came] = atomic_fetch_add(&queue->went, 1);
        cprom_page_close(page);
    }
    return NULL;
}

static void order_of_service(void)
{
    struct queue queue = {.registry = fill()};
    double overtakers[THREADS * EACH];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, gather, &queue);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS * EACH; i++) {
        overtakers[i] = 0;
        for (size_t k = i + 1; k < THREADS * EACH; k++) overtakers[i] += queue.served[k] < queue.served[i];
    }
    bench_median(overtakers, THREADS * EACH);
    /* One in a hundred may have been interrupted between its number and the queue. */
    bounds_count("overtakers", "p99", overtakers[THREADS * EACH - 1 - THREADS * EACH / 100]);
    cprom_registry_free(queue.registry);
}

/* ---- registrations meanwhile ---- */

struct churn {
    cprom_registry *registry;
    _Atomic bool stop;
};

static void *register_and_unregister(void *arg)
{
    struct churn *churn = arg;
    bench_pin(1);
    while (!atomic_load(&churn->stop)) {
        cprom_gauge *gauge;
        bench_check(
            cprom_gauge_new(churn->registry, CPROM_OPTS(cprom_opts, .name = "come_and_go", .help = "h"), &gauge),
            "gauge");
        bench_check(cprom_registry_unregister(churn->registry, "come_and_go"), "unregister");
    }
    return NULL;
}

#define SCRAPES 200

/* The p95, ns. */
static double scrapes(cprom_registry *registry)
{
    double took[SCRAPES];
    for (int i = 0; i < SCRAPES; i++) {
        double start = bounds_cpu();
        bounds_scrape(registry);
        took[i] = bounds_cpu() - start;
    }
    bench_median(took, SCRAPES);
    return took[SCRAPES - 1 - SCRAPES / 20];
}

static void registrations(void)
{
    struct churn churn = {.registry = fill()};
    pthread_t thread;
    double alone = scrapes(churn.registry);
    pthread_create(&thread, NULL, register_and_unregister, &churn);
    double beside = scrapes(churn.registry);
    atomic_store(&churn.stop, true);
    pthread_join(thread, NULL);
    bounds_ratio("page_registrations", "20k", beside, alone);
    cprom_registry_free(churn.registry);
}

void bounds_queues(void)
{
    for (int round = 0; round < 5; round++) {
        order_of_service();
        registrations();
    }
}
