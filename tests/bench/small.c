/*
 * A small program with one gauge vector and a page, for its size; with NOTHING defined, one without the library.
 */
#ifdef NOTHING
int main(void) { return 0; }
#else
#include <cprom/cprom.h>

#include <stdio.h>

int main(void)
{
    static char buffer[4096];
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    cprom_page *page;
    if (cprom_registry_new(NULL, &registry) != CPROM_OK) return 1;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "temperature", .help = "Small.", .labels = {"room"}),
                        &vec);
    cprom_gauge_vec_set(vec, CPROM_STRS("kitchen"), 21.5);
    if (cprom_page_open(registry, NULL, &page) != CPROM_OK) return 1;
    for (size_t n; (n = cprom_page_read(page, buffer, sizeof buffer)) != 0;) fwrite(buffer, 1, n, stdout);
    cprom_page_close(page);
    cprom_registry_free(registry);
    return 0;
}
#endif
