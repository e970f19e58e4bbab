#include "cprom_test.h"

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum cprom__seam point;
    enum {
        OPEN,
        ARMED,
        PARKED
    } state;
} park = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hook(enum cprom__seam point)
{
    pthread_mutex_lock(&park.mutex);
    if (park.state == ARMED && point == park.point) {
        park.state = PARKED;
        pthread_cond_broadcast(&park.changed);
        while (park.state == PARKED) pthread_cond_wait(&park.changed, &park.mutex);
    }
    pthread_mutex_unlock(&park.mutex);
}

void ct_park(enum cprom__seam point)
{
    pthread_mutex_lock(&park.mutex);
    park.point = point;
    park.state = ARMED;
    pthread_mutex_unlock(&park.mutex);
    /* Written once: other threads may be reading it. A hook that is not armed does nothing. */
    if (!cprom__seam_hook) cprom__seam_hook = hook;
}

void ct_park_wait(void)
{
    pthread_mutex_lock(&park.mutex);
    while (park.state != PARKED) pthread_cond_wait(&park.changed, &park.mutex);
    pthread_mutex_unlock(&park.mutex);
}

void ct_park_release(void)
{
    pthread_mutex_lock(&park.mutex);
    park.state = OPEN;
    pthread_cond_broadcast(&park.changed);
    pthread_mutex_unlock(&park.mutex);
}
