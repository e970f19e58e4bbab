/*
 * The text format 0.0.4.
 */
#ifndef CPROM_LIB_PAGE_TEXT_H
#define CPROM_LIB_PAGE_TEXT_H

#include "page/encode.h"

extern const struct cprom__format cprom__text_format;

#endif
