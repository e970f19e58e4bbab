/* Which locks a thread holds: the linker hands their taking and giving to this file, in programs that ask for it. */
#include <pthread.h>

#include "cprom_test.h"

#include "base/gate.h"

#define HELD_MAX 32

static _Thread_local const void *held[HELD_MAX];
static _Thread_local unsigned n_held;

unsigned ct_locks_held(void) { return n_held; }

static void hold(const void *lock)
{
    if (n_held < HELD_MAX) held[n_held++] = lock;
}

/* What a thread owns as long as it lives was only tried for, and is not among them. */
static void let_go(const void *lock)
{
    for (unsigned i = n_held; i-- > 0;) {
        if (held[i] != lock) continue;
        held[i] = held[--n_held];
        return;
    }
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int error = __real_pthread_mutex_lock(mutex);
    if (!error) hold(mutex);
    return error;
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    let_go(mutex);
    return __real_pthread_mutex_unlock(mutex);
}

void __real_cprom__gate_enter(struct cprom__gate *gate);
void __wrap_cprom__gate_enter(struct cprom__gate *gate);
void __wrap_cprom__gate_enter(struct cprom__gate *gate)
{
    __real_cprom__gate_enter(gate);
    hold(gate);
}

bool __real_cprom__gate_try(struct cprom__gate *gate);
bool __wrap_cprom__gate_try(struct cprom__gate *gate);
bool __wrap_cprom__gate_try(struct cprom__gate *gate)
{
    bool entered = __real_cprom__gate_try(gate);
    if (entered) hold(gate);
    return entered;
}

void __real_cprom__gate_leave(struct cprom__gate *gate);
void __wrap_cprom__gate_leave(struct cprom__gate *gate);
void __wrap_cprom__gate_leave(struct cprom__gate *gate)
{
    let_go(gate);
    __real_cprom__gate_leave(gate);
}
