#include "support/inner_mutants.h"

#include <sched.h>

#include "store/keep.h"
#include "store/lookup.h"
#include "store/turnover.h"
#include "store/upkeep.h"

#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

WRAP(cprom_status, cprom__series_reveal, struct cprom_vec *vec, struct cprom_series *series,
     const struct cprom__birth *birth);
WRAP(struct cprom__hit, cprom__series_acquire_for, struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);
WRAP(void, cprom__series_touch_again, struct cprom_series *series);
WRAP(enum cprom__verdict, cprom__turnover_settle, struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
     uint64_t epoch);
WRAP(void, cprom__turnover_publish, struct cprom__turnover *first);
WRAP(bool, cprom__series_shown, const struct cprom_series *series, const struct cprom__view_of *view, bool *over);
WRAP(void, cprom__keep_value, struct cprom__keep *keep, const struct cprom_series *series);

enum ct_inner_mutant ct_inner_mutant_on;

static bool on(enum ct_inner_mutant mutant) { return ct_inner_mutant_on == mutant; }

cprom_status __wrap_cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series,
                                         const struct cprom__birth *birth)
{
    struct cprom__birth mutated = *birth;
    if (!on(CT_INNER_VALUE_AFTER) || !birth->change) return __real_cprom__series_reveal(vec, series, birth);
    mutated.change = NULL;
    cprom_status status = __real_cprom__series_reveal(vec, series, &mutated);
    sched_yield();
    if (!status) vec->ops->change(series, birth->change);
    return status;
}

/* One more seam: an update has touched its series and not yet written it. */
struct cprom__hit __wrap_cprom__series_acquire_for(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use)
{
    struct cprom__hit hit = __real_cprom__series_acquire_for(vec, values, use);
    if (hit.series) CPROM__SEAM(CPROM__SEAM_LOOKUP_FOUND);
    return hit;
}

void __wrap_cprom__series_touch_again(struct cprom_series *series)
{
    if (!on(CT_INNER_NO_SECOND_LOOK)) __real_cprom__series_touch_again(series);
}

enum cprom__verdict __wrap_cprom__turnover_settle(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                                  uint64_t epoch)
{
    if (on(CT_INNER_UNSETTLED)) return CPROM__VERDICT_STAYS;
    return __real_cprom__turnover_settle(vec, series, index, epoch);
}

void __wrap_cprom__turnover_publish(struct cprom__turnover *first)
{
    if (!on(CT_INNER_UNPUBLISHED)) __real_cprom__turnover_publish(first);
}

bool __wrap_cprom__series_shown(const struct cprom_series *series, const struct cprom__view_of *view, bool *over)
{
    struct cprom__view_of mutated = *view;
    if (on(CT_INNER_BY_FLAGS)) mutated.snapshot = UINT64_MAX;
    if (on(CT_INNER_CLOCK_AGAIN)) mutated.now = cprom__monotonic_now(series->vec->registry);
    if (on(CT_INNER_EACH_LINGERS)) mutated.living = false;
    return __real_cprom__series_shown(series, &mutated, over);
}

void __wrap_cprom__keep_value(struct cprom__keep *keep, const struct cprom_series *series)
{
    if (!on(CT_INNER_NOT_KEPT)) __real_cprom__keep_value(keep, series);
}
