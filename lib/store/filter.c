/* Which families a page shows. */
#include "store/filter.h"

bool cprom__filter_lets(const struct cprom__filter *filter, const struct cprom__desc *desc)
{
    for (size_t i = 0; i < filter->n; i++) {
        if (filter->names[i] && cprom__desc_answers_to(desc, filter->names[i])) return true;
    }
    return filter->n == 0;
}
