/* The page as a visitor sees it, printed in the text format 0.0.4 through the public API alone. */
#ifndef CPROM_TESTS_VISIT_TEXT_H
#define CPROM_TESTS_VISIT_TEXT_H

#include <cprom/cprom.h>

/* To be freed. NULL: out of memory. */
char *visit_text(cprom_page *page, size_t *len);

#endif
