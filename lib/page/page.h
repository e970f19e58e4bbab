/*
 * What other parts need of pages beside the public face.
 */
#ifndef CPROM_LIB_PAGE_PAGE_H
#define CPROM_LIB_PAGE_PAGE_H

#include <cprom/cprom.h>

#include "page/gather.h"

/* Like cprom_page_open(); where the page has self-metrics, `self` adds its own. `stop`: see gather.h. */
cprom_status cprom__page_open(cprom_registry *registry, const cprom_page_opts *opts, struct cprom__stop *stop,
                              const struct cprom__self *self, cprom_page **page);

/* The page is read from its first byte again. */
void cprom__page_rewind(cprom_page *page);

#endif
