/*
 * The text format 0.0.4.
 */
#ifndef CPROM_LIB_PAGE_TEXT_H
#define CPROM_LIB_PAGE_TEXT_H

#include "page/lines.h"

/* For who looks at the lines without making text of them. */
extern const struct cprom__line_style cprom__text_style;

cprom__format cprom__text_encode;

#endif
